import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { leafHash } from '@claviger/verifier'
import { decodeEntry, encodeEntry, leafBytesMax } from './entry.ts'

const entry = {
  id: 'ent_0000000000000001', workspace: 'wsp_0000000000000001', atMs: 1_767_225_600_123, event: 'key.revoked', operation: 'keys.revoke',
  actor: { principal: 'prn_0000000000000001', key: 'key_0000000000000001', workspace: 'wsp_0000000000000001' },
  target: 'key_0000000000000002', facts: { reason: 'key-compromise', status: 'revoked' },
  rows: [{ table: 'keys', id: 'key_0000000000000002', version: 3, digest: '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU' }],
  details: [{ subject: 'prn_0000000000000001', commitment: 'ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0' }],
}

const golden =
  '{"actor":{"key":"key_0000000000000001","principal":"prn_0000000000000001","workspace":"wsp_0000000000000001"},' +
  '"at":"2026-01-01T00:00:00.123Z","details":[{"commitment":"ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0","subject":"prn_0000000000000001"}],' +
  '"event":"key.revoked","facts":{"reason":"key-compromise","status":"revoked"},"id":"ent_0000000000000001","operation":"keys.revoke",' +
  '"rows":[{"digest":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU","id":"key_0000000000000002","table":"keys","version":3}],' +
  '"target":"key_0000000000000002","v":1,"workspace":"wsp_0000000000000001"}'

/** SHA-256(00 ‖ leaf), worked out elsewhere. */
const goldenHash = 'ad2925b6507102416ff0041d874660c01939989a46096d87e4469366e9926a44'

test('the leaf format is frozen: these bytes, this hash, for ever', () => {
  assert.equal(encodeEntry(entry).toString('utf8'), golden)
  assert.equal(leafHash(encodeEntry(entry)).toString('hex'), goldenHash)
  assert.equal(encodeEntry({ ...entry, withheld: true }).toString('utf8'), golden.replace('"v":1,', '"v":1,"withheld":true,'))
})

test('a leaf comes back as it was written', () => {
  const decoded = decodeEntry(Buffer.from(golden, 'utf8'))
  const { atMs: _, ...rest } = entry
  assert.deepEqual(decoded, { v: 1, at: '2026-01-01T00:00:00.123Z', ...rest })
  assert.deepEqual(decodeEntry(encodeEntry({ ...entry, actor: { system: 'first-start' } }))?.actor, { system: 'first-start' })
})

const altered: readonly (readonly [what: string, leaf: string | Buffer])[] = [
  ['nothing', ''], ['no JSON', 'x'], ['no object', '[1]'], ['null', 'null'],
  ['another version', golden.replace('"v":1', '"v":2')],
  ['no version', golden.replace('"v":1,', '')],
  ['a space', golden.replace('{"actor"', '{ "actor"')],
  ['members in another order', golden.replace('"v":1,"workspace":"wsp_0000000000000001"', '"workspace":"wsp_0000000000000001","v":1')],
  ['a member twice', golden.replace('"v":1', '"v":1,"v":1')],
  ['a member too many', golden.replace('"v":1', '"u":1,"v":1')],
  ['a member too many in a row', golden.replace('"version":3', '"version":3,"x":1')],
  ['a member of a prototype', golden.replace('{"actor"', '{"__proto__":{},"actor"')],
  ['a time that is none', golden.replace('2026-01-01', '2026-02-30')],
  ['a version that is no integer', golden.replace('"version":3', '"version":3.5')],
  ['an actor of two kinds', golden.replace('"workspace":"wsp_0000000000000001"},"at"', '"system":"x","workspace":"wsp_0000000000000001"},"at"')],
  ['an escape that is not canonical', golden.replace('keys.revoke', 'keys\\u002erevoke')],
  ['withheld: false', golden.replace('"v":1,', '"v":1,"withheld":false,')],
  ['bytes that are no UTF-8', Buffer.from(golden.replace('key-compromise', 'key\xffcompromise'), 'latin1')],
  ['a lone surrogate', golden.replace('keys.revoke', 'keys\\ud800revoke')],
  ['a byte too many for a bundle', golden.replace('key-compromise', 'x'.repeat(leafBytesMax))],
  ['a byte more', `${golden} `],
  ['facts that are no object', golden.replace(/"facts":\{[^}]*\}/, '"facts":5')],
  ['facts that are a list', golden.replace(/"facts":\{[^}]*\}/, '"facts":[]')],
  ['rows that are no list', golden.replace(/"rows":\[.*?\]/, '"rows":{}')],
  ['a row that is no object', golden.replace(/"rows":\[.*?\]/, '"rows":[5]')],
  ['an actor that is nobody', golden.replace(/"actor":\{.*?\}/, '"actor":{}')],
  ...['at', 'event', 'id', 'operation', 'target', 'workspace', 'key', 'principal', 'commitment', 'subject', 'digest', 'table'].map(
    (member): [string, string] => [`${member} that is no text`, golden.replace(new RegExp(`"${member}":"[^"]*"`), `"${member}":5`)]),
  ...['actor', 'at', 'details', 'event', 'facts', 'id', 'operation', 'rows', 'target', 'workspace'].map(
    (member): [string, string] => [`without ${member}`, without(member)]),
]

function without(member: string): string {
  const value = JSON.parse(golden) as Record<string, unknown>
  delete value[member]
  return JSON.stringify(value)
}

for (const [what, leaf] of altered) {
  test(`a leaf is refused: ${what}`, () => {
    assert.notEqual(leaf, golden)
    assert.equal(decodeEntry(Buffer.from(leaf as string)), null)
  })
}

test('whatever facts an entry holds, they come back; absent ones are left out', () => {
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })), (facts) => {
    let leaf: Buffer
    try {
      leaf = encodeEntry({ ...entry, facts: facts as never })
    } catch (error) {
      assert.ok(error instanceof RangeError)
      return
    }
    assert.deepEqual(JSON.parse(leaf.toString('utf8')).facts, JSON.parse(JSON.stringify(facts)))
    assert.ok(decodeEntry(leaf) !== null)
  }))
  const { facts } = decodeEntry(encodeEntry({ ...entry, facts: { reason: undefined, status: 'revoked' } as never })) ?? {}
  assert.deepEqual(facts, { status: 'revoked' })
})

test('an entry of 65,535 bytes fits, and one byte more is refused', () => {
  const room = leafBytesMax - encodeEntry({ ...entry, facts: { text: '' } }).length
  const longest = encodeEntry({ ...entry, facts: { text: 'x'.repeat(room) } })
  assert.equal(longest.length, leafBytesMax)
  assert.notEqual(decodeEntry(longest), null)
  assert.throws(() => encodeEntry({ ...entry, facts: { text: 'x'.repeat(room + 1) } }), { code: 'audit/entry-too-large' })
})
