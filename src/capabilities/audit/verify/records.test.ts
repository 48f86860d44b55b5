import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalJson, type JsonObject, type JsonValue } from '#core/base/json'
import {
  encodeBlock, encodeCheckpointLine, encodeLeaf, encodeRow, parseBlock, parseCheckpointLine, parseLeaf, parseRow, sectionsIn, withoutSealed,
} from './records.ts'
import type { BlockRecord, RowRecord } from './source.ts'

const row: RowRecord = { table: 'keys', id: 'key_1', row: { id: 'key_1', version: 2 }, salt: Buffer.of(1, 2, 255), head: { version: 2, digest: 'AQL_' } }
const block: BlockRecord = { id: 'blk_1', environment: 'env_1', uses: 3, from: '2026-11-25T00:00:00.000Z', to: '2026-11-25T00:00:01.000Z', sections: Buffer.of(4, 5) }
const leaf = { index: 7, leaf: Buffer.of(1, 2) }

const text = ['x', '!']
/** Of each kind, and of what may stand in its members: what else of the list below. */
const kinds: readonly (readonly [what: string, text: string, parse: (text: Uint8Array) => unknown, takes: Readonly<Record<string, readonly unknown[]>>])[] = [
  ['a row', encodeRow(row), parseRow, { table: text, id: text, row: [null, {}], head: [null] }],
  ['the head of a row', encodeRow(row), parseRow, { version: [5], digest: text }],
  ['a block', encodeBlock(block), parseBlock, { id: text, environment: text, uses: [5], from: text, to: text }],
  ['a checkpoint', encodeCheckpointLine('note\n'), parseCheckpointLine, { checkpoint: text }],
  ['a leaf', encodeLeaf(leaf), parseLeaf, { index: [5] }],
]

const bytes = (text: string): Buffer => Buffer.from(text, 'utf8')

test('what is written of a row, a block, a checkpoint and a leaf reads back', () => {
  assert.deepEqual(parseRow(bytes(encodeRow(row))), row)
  const gone: RowRecord = { ...row, row: null, salt: Buffer.alloc(0) }
  assert.deepEqual(parseRow(bytes(encodeRow(gone))), gone)
  assert.deepEqual(parseRow(bytes(encodeRow({ ...row, head: null }))), { ...row, head: null })
  assert.deepEqual(parseBlock(bytes(encodeBlock(block))), block)
  assert.equal(parseCheckpointLine(bytes(encodeCheckpointLine('note\n'))), 'note\n')
  assert.deepEqual(parseLeaf(bytes(encodeLeaf(leaf))), leaf)
})

test('a member that is missing, of another type, or too many is refused, and so is any other spelling', () => {
  for (const [what, written, parse, takes] of kinds) {
    const value = JSON.parse(written) as Record<string, JsonValue>
    const isHead = what === 'the head of a row'
    const part = (isHead ? value['head'] : value) as Record<string, JsonValue>
    const read = (changed: JsonObject) => parse(bytes(canonicalJson(isHead ? { ...value, head: changed } : changed)))
    assert.notEqual(read(part), null, what)
    assert.equal(read({ ...part, more: 1 }), null, what)
    for (const member of Object.keys(part)) {
      const { [member]: _, ...rest } = part
      assert.equal(read(rest), null, `${what} without ${member}`)
      for (const other of [null, true, 5, 'x', '!', [], {}, [5]]) {
        if (takes[member]?.some((one) => JSON.stringify(one) === JSON.stringify(other)) === true) continue
        assert.equal(read({ ...part, [member]: other }), null, `${what}: ${member} ${JSON.stringify(other)}`)
      }
    }
    for (const spelt of ['', ' ', `${written} `, ` ${written}`, written.replace(':', ': '), `[${written}]`, 'null', '5', '"x"', '[]', `${written}${written}`]) assert.equal(parse(bytes(spelt)), null, spelt)
  }
})

const mark = { subject: 'con_1', commitment: 'AQL_' }
const detail = { subject: 'con_1', sealed: 'c2VhbGVk' }

test('sections are read only as the sealer spells them; without what is sealed they commit to the same', () => {
  const spelled = (list: unknown): Buffer => bytes(JSON.stringify(list))
  const good = [{ mark, detail }, { mark: { ...mark, commitment: '' }, detail: null }]
  assert.deepEqual(sectionsIn(spelled(good)), good)
  assert.deepEqual(sectionsIn(spelled([])), [])
  assert.deepEqual(sectionsIn(withoutSealed(spelled(good))!), good.map((section) => ({ ...section, detail: null })))
  for (const bad of [
    5, null, {}, [5], [null], [{}], [{ mark }], [{ detail, mark }], [{ mark, detail, more: 1 }], [{ mark: null, detail: null }], [{ mark: [], detail: null }],
    [{ mark: { subject: 'con_1' }, detail: null }], [{ mark: { ...mark, more: 1 }, detail: null }], [{ mark: { ...mark, subject: 5 }, detail: null }],
    [{ mark: { ...mark, commitment: 5 }, detail: null }], [{ mark: { commitment: '', subject: '' }, detail: null }], [{ mark, detail: 5 }], [{ mark, detail: [] }],
    [{ mark, detail: {} }], [{ mark, detail: { ...detail, more: 1 } }], [{ mark, detail: { ...detail, subject: 5 } }], [{ mark, detail: { ...detail, sealed: 5 } }], [{ mark, detail: 'x' }],
    [...good, 5], [5, ...good],
  ]) {
    assert.equal(sectionsIn(spelled(bad)), null, JSON.stringify(bad))
    assert.equal(withoutSealed(spelled(bad)), null)
  }
  for (const spelt of ['', '[', ' []', '[] ', JSON.stringify(good, null, 1)]) assert.equal(sectionsIn(bytes(spelt)), null, spelt)
})
