/** B5: durable key creation over HTTP, 64 in flight, SQLite, against the bare server. */
import { startBareServer } from './support/bare-server.ts'
import { load } from './support/load.ts'
import { openScene } from './support/scene.ts'
import { interleave, median, ms, ratioRow, type Row } from './support/table.ts'

const rounds = 5
const p99BudgetMs = 25

export async function measure(): Promise<readonly Row[]> {
  const scene = await openScene('relaxed')
  const sample = await scene.call('POST', '/v1/keys', { environmentId: scene.environmentId, name: 'sample', permissions: ['rpc:read'] })
  const bare = await startBareServer(201, JSON.stringify(sample))
  try {
    const body = JSON.stringify({ environmentId: scene.environmentId, name: 'created', permissions: ['rpc:read'] })
    const order = {
      port: scene.port, path: '/v1/keys', credential: scene.server.ownerSecret, connections: 64, durationMs: 3_000, warmUpMs: 1_500,
      status: 201, mustHold: '"secret":', bodiesFile: scene.bodies('create', [body]),
    }
    const p99s: number[] = []
    const comparison = await interleave(rounds, async () => {
      const { perSecond, p99Ms } = await load(order)
      p99s.push(p99Ms)
      return perSecond
    }, async () => (await load({ ...order, port: bare.port })).perSecond)
    const p99Ms = median(p99s)
    return [ratioRow('B5', 'durable key creation over HTTP, 64 in flight', comparison, 0.25, 'bare node:http', {
      holds: p99Ms < p99BudgetMs, measured: `, p99 ${ms(p99Ms)}`, wanted: `, p99 < ${p99BudgetMs} ms`,
    })]
  } finally {
    bare.stop()
    await scene.close()
  }
}
