/** B2: verification in process with fresh knowledge, against the least that such a check can be in Node. */
import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'
import { formatToken } from '@claviger/verifier'
import { systemRandom } from '#core/crypto/random'
import { startTestInstance } from '../tests/support/instance.ts'
import { call } from '../tests/support/instance.ts'
import { interleave, median, ratioRow, type Row } from './support/table.ts'

const rounds = 7
const batch = 200_000
const leastPerSecond = 250_000

export async function measure(): Promise<readonly Row[]> {
  const test = await startTestInstance()
  try {
    const permissions = [{ name: 'rpc:read', access: 'read', description: 'Reading methods.' }]
    const api = await call(test, 'POST', '/v1/apis', { slug: 'bench', name: 'Bench', prefix: 'bench', permissions })
    const environment = await call(test, 'POST', `/v1/apis/${String(api.json['apiId'])}/environments`, { kind: 'development' })
    const key = await call(test, 'POST', '/v1/keys', { environmentId: environment.json['environmentId'], name: 'hot', permissions: ['rpc:read'] })
    const token = String(key.json['secret'])
    const { verification } = test.instance
    const request = { atMs: Date.now(), permissions: { all: ['rpc:read'] } }
    await verification.verify(token, request)
    const ours = (): Promise<number> => timed(() => {
      const verified = verification.verify(token, request)
      if (verified instanceof Promise || !verified.verdict.valid) throw new Error('the key does not verify from memory')
    })
    const comparison = await interleave(rounds, ours, bareLoop())
    const perSecond = median(comparison.ours)
    return [ratioRow('B2', 'verify in process', comparison, 0.9, 'createHmac + timingSafeEqual', {
      holds: perSecond >= leastPerSecond, measured: '', wanted: ', ≥ 250 k/s',
    })]
  } finally {
    await test.close()
  }
}

function bareLoop(): () => Promise<number> {
  const secret = createSecretKey(systemRandom.bytes(32))
  const token = formatToken({ prefix: 'bench', tag: 'dev', id: systemRandom.base62(16), secret: systemRandom.base62(43) })
  const expected = createHmac('sha256', secret).update(token).digest()
  return () => timed(() => {
    if (!timingSafeEqual(createHmac('sha256', secret).update(token).digest(), expected)) throw new Error('differs')
  })
}

/** Calls a second. */
async function timed(run: () => void): Promise<number> {
  for (let index = 0; index < batch / 10; index++) run()
  const startedMs = performance.now()
  for (let index = 0; index < batch; index++) run()
  return batch / ((performance.now() - startedMs) / 1000)
}
