import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { encodeContext, isWellFormed, keyTypes } from './key-context.ts'
import type { KeyContext, KeyType } from './key-context.ts'

const types = Object.keys(keyTypes) as KeyType[]
const someId = fc.stringMatching(/^[\x21-\x7e]{1,12}$/)
const someContext: fc.Arbitrary<KeyContext> = fc
  .record({
    type: fc.constantFrom(...types),
    workspaceId: someId,
    environmentId: someId,
    id: someId,
    version: fc.integer({ min: 1, max: 9 }),
  })
  .map((context) => {
    const { scope } = keyTypes[context.type]
    return {
      ...context,
      workspaceId: scope === 'instance' ? '' : context.workspaceId,
      environmentId: scope === 'environment' ? context.environmentId : '',
    }
  })

test('different contexts, and different purposes, have different encodings', () => {
  fc.assert(fc.property(someContext, someContext, (one, other) => {
    assert.equal(encodeContext(one).equals(encodeContext(other)), isDeepStrictEqual(one, other))
    assert.ok(!encodeContext(one, 'key').equals(encodeContext(one, 'record')))
  }))
})

test('ids that contain each other’s separators do not run together', () => {
  const subject = { environmentId: '', type: 'subject', version: 1 } as const
  const at = (workspaceId: string, id: string): KeyContext => ({ ...subject, workspaceId, id })
  assert.ok(!encodeContext(at('a","', 'b')).equals(encodeContext(at('a', '","b'))))
})

test('the encoding is fixed: what was sealed years ago still opens', () => {
  const context: KeyContext = { workspaceId: 'wsp_a', environmentId: 'env_b', type: 'record', id: 'sec_c', version: 3 }
  assert.equal(encodeContext(context).toString(), '["claviger/key/v1","wsp_a","env_b","record","sec_c",3]')
  assert.equal(encodeContext(context, 'record').toString(), '["claviger/record/v1","wsp_a","env_b","record","sec_c",3]')
})

test('a context that does not name exactly one place is not encoded', () => {
  const good: KeyContext = { workspaceId: 'wsp_a', environmentId: 'env_b', type: 'record', id: 'sec_c', version: 1 }
  assert.ok(isWellFormed(good))
  const bad: Partial<KeyContext>[] = [
    { workspaceId: '' }, { environmentId: '' },
    { id: '' }, { id: 'a b' }, { id: 'é' }, { id: '\ud800' }, { id: 'x'.repeat(129) },
    { version: 0 }, { version: 1.5 }, { version: 2 ** 32 }, { version: Number.NaN },
    { type: 'workspace' }, { type: 'row-mac', environmentId: '' },
  ]
  for (const change of bad) assert.throws(() => encodeContext({ ...good, ...change }), /C3/, JSON.stringify(change))
})

test('every type of key hangs from the root by a chain of keys that neither leave nor sign', () => {
  for (const type of types) {
    let { parent } = keyTypes[type]
    for (let steps = 0; parent !== 'root'; steps++) {
      assert.ok(steps < types.length, `${type} does not reach the root`)
      assert.equal(keyTypes[parent].exportable, false)
      assert.equal(keyTypes[parent].algorithm, null)
      parent = keyTypes[parent].parent
    }
  }
})
