import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cryptoFaults } from '../faults.ts'
import { decodeRequest } from './protocol.ts'
import { Requests } from './requests.ts'
import { ProtocolViolation } from './wire.ts'

const unavailable = { code: 'crypto/key-process-unavailable' }
const idOf = (frame: Buffer) => decodeRequest(frame.subarray(4)).id

test('each answer goes to the request that asked, in whatever order answers come', async () => {
  const requests = new Requests(() => {})
  const asked = [0, 1, 2].map(() => requests.add({ operation: 'ping' }))
  for (const { frame } of asked.toReversed()) requests.settle({ id: idOf(frame), answer: Buffer.of(idOf(frame)) })
  const answers = await Promise.all(asked.map(({ answer }) => answer))
  assert.deepEqual(answers, asked.map(({ frame }) => Buffer.of(idOf(frame))))
  assert.deepEqual(requests.frames(), [])
})

test('an answer to nothing that was asked, or to what was answered, is refused', () => {
  const requests = new Requests(() => {})
  const { frame } = requests.add({ operation: 'ping' })
  requests.settle({ id: idOf(frame), answer: Buffer.of() })
  for (const id of [idOf(frame), 99]) {
    assert.throws(() => requests.settle({ id, answer: Buffer.of() }), ProtocolViolation)
  }
})

test('no more than 4,096 requests wait', async () => {
  const requests = new Requests(() => {})
  const answers = Array.from({ length: 4_096 }, () => requests.add({ operation: 'ping' }).answer)
  assert.throws(() => requests.add({ operation: 'ping' }), unavailable)
  requests.rejectAll(cryptoFaults['key-process-unavailable']('closed'))
  for (const answer of answers) await assert.rejects(answer, unavailable)
  assert.equal(requests.frames().length, 0)
})
