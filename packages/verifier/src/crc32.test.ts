import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as zlib from 'node:zlib'
import fc from 'fast-check'
import { crc32 } from './crc32.ts'

test('the check value of the CRC catalogue comes out', () => {
  assert.equal(crc32('123456789', 9), 0xcbf43926)
})

test('it agrees with zlib on any ASCII text and covers exactly the length asked for', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii', maxLength: 200 }), fc.nat(200), (text, wanted) => {
      const length = Math.min(wanted, text.length)
      assert.equal(crc32(text, length), zlib.crc32(text.slice(0, length)))
    }),
  )
})
