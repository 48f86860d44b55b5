import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '#core/crypto/random'
import { decodeDetails, encodeDetails, isSealed, openDetail, sealDetail, detailSaltLength } from './details.ts'

const key = Buffer.alloc(32, 3)
const place = { workspaceId: 'wsp_1', entryId: 'ent_1', subject: 'prn_1' }
const sealed = () => sealDetail(key, place, { ip: '192.0.2.1', tags: ['a'] }, systemRandom.bytes(detailSaltLength))

test('details open at their own place, under their own key, to what was committed to', () => {
  const { mark, detail } = sealed()
  assert.deepEqual(openDetail(key, place, detail, mark), { ip: '192.0.2.1', tags: ['a'] })
  assert.ok(!JSON.stringify([mark, detail]).includes('192.0.2.1'))
})

test('details that were moved, altered, or do not fit their commitment do not open', () => {
  const { mark, detail } = sealed()
  for (const moved of [{ workspaceId: 'wsp_2' }, { entryId: 'ent_2' }, { subject: 'prn_2' }]) {
    assert.equal(openDetail(key, { ...place, ...moved }, detail, mark), null)
  }
  assert.equal(openDetail(Buffer.alloc(32, 4), place, detail, mark), null)
  assert.equal(openDetail(key, place, { ...detail, sealed: detail.sealed.replace(/(?<=^.{30})./, (one) => (one === 'A' ? 'B' : 'A')) }, mark), null)
  assert.equal(openDetail(key, place, { ...detail, sealed: '' }, mark), null)
  assert.equal(openDetail(key, place, sealed().detail, mark), null)
})

test('what lies beside a leaf is read strictly, and altered bytes are no details', () => {
  const { detail } = sealed()
  assert.deepEqual(decodeDetails(encodeDetails([detail])), [detail])
  assert.deepEqual(decodeDetails(encodeDetails([])), [])
  for (const bytes of ['x', '{}', '[1]', '[null]', '[{"subject":"prn_1"}]', '[{"subject":1,"sealed":""}]', '[{"subject":"prn_1","sealed":1}]', '5', 'null', JSON.stringify([detail, 5]), JSON.stringify([{}, detail])]) {
    assert.equal(decodeDetails(Buffer.from(bytes, 'utf8')), null, bytes)
  }
})

test('what is too short to hold a salt under a seal is not sealed', () => {
  const { detail } = sealed()
  assert.equal(isSealed(detail), true)
  const empty = sealDetail(key, place, {}, systemRandom.bytes(detailSaltLength)).detail
  assert.equal(isSealed(empty), true, 'nothing, sealed')
  const bytes = Buffer.from(empty.sealed, 'base64url')
  // Canonical JSON of nothing has two bytes.
  for (const length of [0, 1, bytes.length - 3, bytes.length - 2]) {
    assert.equal(isSealed({ ...empty, sealed: bytes.subarray(0, length).toString('base64url') }), false)
  }
})
