import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { demandsOf, scopeOf, type Permissions } from './permissions.ts'

test('one permission, a list, and all and any are three spellings of a demand', () => {
  assert.deepEqual(demandsOf('rpc:read'), { all: ['rpc:read'] })
  assert.deepEqual(demandsOf(['rpc:read', 'rpc:write']), { all: ['rpc:read', 'rpc:write'] })
  assert.deepEqual(demandsOf({ all: ['a'], any: ['b', 'c'] }), { all: ['a'], any: ['b', 'c'] })
  assert.deepEqual(demandsOf([]), {})
  assert.deepEqual(demandsOf({ all: [] }), {})
})

test('default deny: what is not there, one of nothing, and what is no permission are demands that nobody meets', () => {
  const impossible: readonly unknown[] = [
    null, undefined, {}, { all: undefined }, { any: undefined }, { any: null }, {}.constructor, 7, true, { any: [] }, '', 'RPC:read', 'rpc read', 'rpc:read"', 'rpc:read\r\nx: y', 'rpc:é', 'a'.repeat(65), ['rpc:read', ''],
    { all: ['rpc:read'], any: ['"'] }, Array.from({ length: 33 }, () => 'a'), [7], { all: 'rpc:read' },
  ]
  for (const permissions of impossible) assert.equal(demandsOf(permissions as Permissions), null, JSON.stringify(permissions))
})

test('whatever a permission was made from, the scope of a challenge cannot end its quotes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.match(scopeOf(demandsOf([text, 'rpc:read'])).join(' '), /^[a-z0-9:._ -]*$/)
    }),
  )
})
