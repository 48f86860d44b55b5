import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, startTestInstance } from '../../../tests/support/instance.ts'
import { createCredibleWall } from './clock-ahead.ts'

const dayMs = 86_400_000

test('a clock is believed as far as a year; beyond that time goes on from where it was, until the clock is right again', () => {
  let [wallMs, steadyMs] = [1_000_000, 50]
  const jumps: (readonly [number, number])[] = []
  const read = createCredibleWall(() => wallMs, 0, (...jump) => void jumps.push(jump), () => steadyMs)
  wallMs += 366 * dayMs
  assert.equal(read(), wallMs)
  const before = wallMs
  wallMs += 366 * dayMs + 1
  assert.equal(read(), before)
  steadyMs += 5_000.7
  wallMs += 5_000
  assert.equal(read(), before + 5_000)
  assert.deepEqual(jumps, [[before, before + 366 * dayMs + 1]])
  wallMs = before + 6_000
  assert.equal(read(), wallMs)
  wallMs += 10 * 366 * dayMs
  assert.equal(read(), before + 6_000)
  assert.equal(jumps.length, 2)
  wallMs = 7
  assert.equal(read(), 7, 'set back it is told as it is: the floor of the times committed is not its business')
})

test('a clock that stood at zero when the server started is believed when it is set right', () => {
  let wallMs = 5_000
  const read = createCredibleWall(() => wallMs, 60 * 366 * dayMs, () => assert.fail('no jump'))
  assert.equal(read(), 5_000)
  wallMs = 60 * 366 * dayMs + 8_000
  assert.equal(read(), wallMs)
  wallMs = 6_000
  assert.equal(read(), 6_000)
  wallMs = 61 * 366 * dayMs
  assert.equal(read(), wallMs)
})

test('I15: a clock that jumps years ahead in a running server expires nothing, then or later', async () => {
  let aheadMs = 0
  const instance = await startTestInstance({ wallMs: () => Date.now() + aheadMs })
  const statusOf = async (method: string, path: string, body?: unknown): Promise<number> => (await call(instance, method, path, body)).status
  aheadMs = 5 * 365 * dayMs
  assert.equal(await statusOf('POST', '/v1/consumers', { reference: 'under the wrong clock' }), 201)
  aheadMs = 0
  assert.equal(await statusOf('GET', '/v1/self'), 200)
  assert.equal(await statusOf('POST', '/v1/consumers', { reference: 'under the right one' }), 201)
  assert.ok(instance.instance.storage.highestTimeMs() < Date.now() + dayMs)
  assert.ok(instance.logLines.some((line) => line.includes('the clock jumped more than a year ahead')))
  await instance.close()
})
