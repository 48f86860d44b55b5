import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { equalDigest } from './constant-time.ts'

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 })

test('V2: equal digests are equal wherever they stand', () => {
  fc.assert(
    fc.property(digest, fc.nat(100), fc.nat(100), (value, before, after) => {
      const all = Buffer.concat([Buffer.alloc(before, 1), value, Buffer.alloc(after, 2)])
      assert.equal(equalDigest(all, before, value), true)
    }),
  )
})

test('V2: one flipped bit anywhere makes them unequal', () => {
  const value = Buffer.alloc(32, 0x5a)
  for (let bit = 0; bit < 256; bit++) {
    const flipped = Buffer.from(value)
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    assert.equal(equalDigest(value, 0, flipped), false)
    assert.equal(equalDigest(flipped, 0, value), false)
  }
})

test('fewer or more than 32 bytes are a mistake, never equal', () => {
  const value = Buffer.alloc(32)
  for (const [a, offset, b] of [
    [value, 1, value], [value, -1, value], [value, Number.NaN, value], [value, 0.5, value],
    [value.subarray(1), 0, value], [value, 0, Buffer.alloc(31)], [value, 0, Buffer.alloc(33)],
    [value, 0, Buffer.alloc(0)],
  ] as const) {
    assert.throws(() => equalDigest(a, offset, b), RangeError)
  }
})
