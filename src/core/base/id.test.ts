import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asId, idPattern, idPrefixes, isId, newId, type IdPrefix, type Random } from './id.ts'

test('B1: a new id has its prefix and 16 characters of the random source, and is recognised as its own kind only', () => {
  const random: Random = { bytes: () => Buffer.alloc(0), base62: (length) => 'a9Z0'.repeat(length).slice(0, length) }
  const prefixes = Object.keys(idPrefixes) as IdPrefix[]
  for (const prefix of prefixes) {
    const id = newId(prefix, random)
    assert.equal(id, `${prefix}_a9Z0a9Z0a9Z0a9Z0`)
    assert.equal(asId(prefix, id), id)
    assert.match(id, new RegExp(idPattern(prefix)))
    assert.deepEqual(prefixes.filter((other) => isId(other, id)), [prefix])
  }
})

test('B1: nothing else is taken for an id, and where our own code wrote one it is a defect', () => {
  const nearly = ['', 'key', 'key_', 'key_012345678901234', 'key_01234567890123456', 'key_012345678901234-', 'KEY_0123456789012345', ' key_0123456789012345', 'key_0123456789012345\n', 'key-0123456789012345', 'key_012345678901234é']
  for (const text of nearly) {
    assert.equal(isId('key', text), false, text)
    assert.throws(() => asId('key', text), /B1/)
    assert.doesNotMatch(text, new RegExp(idPattern('key')))
  }
})
