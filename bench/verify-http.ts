/** B1 and B7: verification over HTTP, `relaxed` and `durable`, against a bare server that answers the same. */
import { load, type LoadOrder } from './support/load.ts'
import { startBareServer } from './support/bare-server.ts'
import { openScene, type Scene } from './support/scene.ts'
import { interleave, ms, ratioRow, type Row } from './support/table.ts'

const rounds = 5
const timing = { connections: 64, durationMs: 3_000, warmUpMs: 1_500 } as const

export async function measure(): Promise<readonly Row[]> {
  const [relaxed, durable] = [await openScene('relaxed'), await openScene('durable')]
  const [relaxedOrder, durableOrder] = [await orderFor(relaxed), await orderFor(durable)]
  const bare = await startBareServer(200, await answerOf(relaxed))
  try {
    const theirs = async (): Promise<number> => (await load({ ...relaxedOrder, port: bare.port })).perSecond
    const latencies: number[] = []
    const b1 = await interleave(rounds, async () => {
      const { perSecond, p99Ms } = await load(relaxedOrder)
      latencies.push(p99Ms)
      return perSecond
    }, theirs)
    const b7 = await interleave(rounds, async () => (await load(durableOrder)).perSecond, async () => (await load(relaxedOrder)).perSecond)
    return [
      ratioRow('B1', `verify over HTTP, relaxed, 64 connections (p99 ${ms(Math.max(...latencies))})`, b1, 0.65, 'bare node:http'),
      ratioRow('B7', 'verify over HTTP, durable', b7, 0.8, 'relaxed'),
    ]
  } finally {
    bare.stop()
    await Promise.all([relaxed.close(), durable.close()])
  }
}

async function orderFor(scene: Scene): Promise<LoadOrder> {
  const key = await scene.call('POST', '/v1/keys', { environmentId: scene.environmentId, name: 'hot', permissions: ['rpc:read'] })
  const body = JSON.stringify({ key: key['secret'], permissions: { all: ['rpc:read'] }, clientIp: '203.0.113.7' })
  return {
    ...timing, port: scene.port, path: '/v1/keys/verify', credential: scene.verifier, status: 200, mustHold: '"valid":true',
    bodiesFile: scene.bodies('verify', [body]),
  }
}

async function answerOf(scene: Scene): Promise<string> {
  const key = await scene.call('POST', '/v1/keys', { environmentId: scene.environmentId, name: 'sample', permissions: ['rpc:read'] })
  return JSON.stringify(await scene.call('POST', '/v1/keys/verify', { key: key['secret'], permissions: { all: ['rpc:read'] } }))
}
