import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'
import { systemRandom } from '#core/crypto/random'
import { createRowGuard, rowContent, rowDigest, saltLength, type RowGuard, type StoredRow } from './row-guard.ts'
import { defineTable, type RowBase } from './table.ts'

interface VaultRow extends RowBase {
  readonly label: string
  readonly secret: string | Uint8Array
  readonly blob: Uint8Array | null
  readonly count: number | null
}

const table = defineTable<VaultRow>('guard_vaults', {
  guarded: true, columns: { label: 'text', secret: { type: 'text', sensitive: true }, blob: 'blob', count: 'integer' },
})
const twin = defineTable<VaultRow>('guard_vault_twins', {
  guarded: true, columns: { label: 'text', secret: { type: 'text', sensitive: true }, blob: 'blob', count: 'integer' },
})

const macKey = Buffer.alloc(32, 1)
const row: VaultRow = { id: 'a', version: 3, label: 'front', secret: 'hush', blob: Buffer.of(1, 2, 255), count: 7 }
const sha256 = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest()

function sealed(guard: RowGuard, of: VaultRow = row): StoredRow<VaultRow> {
  const { salt, mac } = guard.seal(table, of)
  return { ...of, salt, mac }
}

test('a digest is SHA-256 of the salt and the row as canonical JSON, its MAC is HMAC-SHA-256 of that, as anybody can compute', () => {
  const { salt, digest, mac } = createRowGuard(macKey, systemRandom).seal(table, row)
  const text = `{"row":{"blob":"AQL_","count":7,"id":"a","label":"front","secret":"${sha256(Buffer.from('hush')).toString('base64url')}","version":3},"table":"guard_vaults"}`
  assert.equal(salt.length, saltLength)
  assert.deepEqual(Buffer.from(digest), sha256(salt, Buffer.from(text)))
  assert.deepEqual(Buffer.from(mac), createHmac('sha256', macKey).update(digest).digest())
  assert.deepEqual(rowDigest(table, row, salt), Buffer.from(digest))
})

test('two seals of one row tell nobody that it is the same', () => {
  const guard = createRowGuard(macKey, systemRandom)
  assert.notDeepEqual(guard.seal(table, row), guard.seal(table, row))
})

test('a sensitive value is never in what is shown of a row, be it text or bytes', () => {
  for (const secret of ['hush', Buffer.from('hush')]) {
    assert.equal(rowContent(table, { ...row, secret }).row['secret'], sha256(Buffer.from('hush')).toString('base64url'))
  }
})

test('a column that is null, or not there yet, does not change a digest: a migration may add one', () => {
  const { count: _, ...before } = row
  const salt = Buffer.alloc(saltLength)
  const digests = [{ ...row, count: null }, { ...row, count: undefined }, before].map((one) => rowDigest(table, one as VaultRow, salt).toString('hex'))
  assert.equal(new Set(digests).size, 1)
  assert.notEqual(digests[0], rowDigest(table, { ...row, count: 0 }, salt).toString('hex'), 'nothing is not zero')
})

test('a number that JSON has no word for is shown as what it is, and fits no seal of a number that it has', () => {
  for (const count of [Infinity, -Infinity, NaN]) assert.equal(rowContent(table, { ...row, count }).row['count'], String(count))
})

test('a row whose content, table, salt or MAC was changed in any way is not genuine', () => {
  const guard = createRowGuard(macKey, systemRandom)
  const stored = sealed(guard)
  assert.equal(guard.isGenuine(table, stored), true)
  assert.equal(guard.isGenuine(table, { ...stored, mac: Uint8Array.from(stored.mac), salt: Uint8Array.from(stored.salt) }), true, 'whatever kind of bytes the driver gives')
  const changes: Record<string, unknown>[] = [
    { id: 'b' }, { version: 4 }, { label: 'back' }, { label: '' }, { secret: 'hash' }, { blob: Buffer.of(1, 2) }, { blob: null }, { count: 8 }, { count: null }, { count: '7' }, { count: Infinity },
    { salt: Buffer.alloc(saltLength) }, { salt: stored.salt.subarray(1) }, { salt: Buffer.concat([stored.salt, Buffer.alloc(1)]) }, { salt: null }, { salt: 'text' },
    { mac: Buffer.alloc(32) }, { mac: stored.mac.subarray(0, 31) }, { mac: Buffer.concat([stored.mac, Buffer.alloc(1)]) }, { mac: Buffer.alloc(0) }, { mac: null }, { mac: 'text' },
  ]
  for (const change of changes) assert.equal(guard.isGenuine(table, { ...stored, ...change } as StoredRow<VaultRow>), false, JSON.stringify(change))
  assert.equal(guard.isGenuine(twin, stored), false, 'a row moved to a table with the same columns')
  assert.equal(createRowGuard(Buffer.alloc(32, 2), systemRandom).isGenuine(table, stored), false, 'another key')
})

test('A13: a version that is distrusted, and any before it, is not genuine; a later one, and other rows, are', () => {
  const guard = createRowGuard(macKey, systemRandom)
  const versions = [1, 2, 3, 4].map((version) => sealed(guard, { ...row, version }))
  const others = [sealed(guard, { ...row, id: 'b' }), sealed(guard, { ...row, id: 'a', version: 9 })]
  guard.distrust(table.name, 'a', 3)
  assert.deepEqual(versions.map((version) => guard.isGenuine(table, version)), [false, false, false, true])
  assert.deepEqual(others.map((other) => guard.isGenuine(table, other)), [true, true])
  const { salt, mac } = guard.seal(twin, row)
  assert.equal(guard.isGenuine(twin, { ...row, salt, mac }), true)
})

test('A13: what was distrusted stays so when an older version is distrusted after it', () => {
  const guard = createRowGuard(macKey, systemRandom)
  const [newer, older] = [sealed(guard, { ...row, version: 2 }), sealed(guard, { ...row, version: 1 })]
  guard.distrust(table.name, 'a', 2)
  guard.distrust(table.name, 'a', 1)
  assert.deepEqual([newer, older].map((stored) => guard.isGenuine(table, stored)), [false, false])
})

test('whoever remembers rows is told that one of them is distrusted', () => {
  const guard = createRowGuard(macKey, systemRandom)
  const told: string[] = []
  guard.onDistrust(() => void told.push('one'))
  guard.onDistrust(() => void told.push('two'))
  guard.distrust(table.name, 'a', 1)
  assert.deepEqual(told, ['one', 'two'])
})
