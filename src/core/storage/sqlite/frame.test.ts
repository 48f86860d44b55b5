import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { InvariantViolation } from '#core/base/assert'
import type { LogAppend } from '../commit.ts'
import type { CommitPlan } from '../plan.ts'
import type { SqlValue, Statement } from '../sql.ts'
import { decodeFrame, FrameEncoder } from './frame.ts'

const statements = [0, 1, 2].map((number): Statement => ({
  table: `t${number}`, sql: `SELECT ${number}`, kind: 'read', rows: null,
}))

const text = fc.string({ unit: 'grapheme' })
const bytes = fc.uint8Array().map((array) => Buffer.from(array))
const value: fc.Arbitrary<SqlValue> = fc.oneof(fc.constant(null), fc.maxSafeInteger(), text, bytes)
const plain = { noNullPrototype: true }
const append: fc.Arbitrary<LogAppend> = fc.record({
  stream: text, id: text, atMs: fc.maxSafeNat(), target: text, leaf: bytes, details: bytes,
}, plain)
const plan: fc.Arbitrary<CommitPlan> = fc.record({
  atMs: fc.maxSafeNat(),
  takesAway: fc.boolean(),
  erases: fc.boolean(),
  steps: fc.array(fc.record({ statement: fc.constantFrom(...statements), values: fc.array(value) }, plain)),
  appends: fc.array(append),
}, plain)

const encode = (encoder: FrameEncoder, plans: readonly CommitPlan[]): ArrayBuffer =>
  encoder.encode(plans, (statement) => statements.indexOf(statement))

test('plans come out of a frame as they went in, whatever the encoder held before', () => {
  const encoder = new FrameEncoder()
  fc.assert(fc.property(fc.array(plan, { maxLength: 5 }), (plans) => {
    assert.deepEqual(decodeFrame(encode(encoder, plans), statements), plans)
  }))
})

test('a frame grows with what it holds', () => {
  const leaf = Buffer.alloc(300_000, 'leaf')
  const [stream, target, details] = ['s'.repeat(100_000), '🔑'.repeat(50_000), Buffer.alloc(0)]
  const appends = [{ stream, id: 'ent_1', atMs: 1, target, leaf, details }]
  const plans = [{ atMs: 1, takesAway: true, erases: false, steps: [], appends }]
  assert.deepEqual(decodeFrame(encode(new FrameEncoder(), plans), statements), plans)
})

test('a frame that is longer than what it says, or refers to an unknown statement, is refused', () => {
  const steps = [{ statement: statements[2] as Statement, values: [] }]
  const frame = encode(new FrameEncoder(), [{ atMs: 1, takesAway: false, erases: false, steps, appends: [] }])
  const longer = new Uint8Array(frame.byteLength + 1)
  longer.set(new Uint8Array(frame))
  assert.throws(() => decodeFrame(longer.buffer, statements), InvariantViolation)
  assert.throws(() => decodeFrame(frame, statements.slice(0, 2)), InvariantViolation)
})
