import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { keyTypes } from '#core/crypto/key-context'
import { createInlineKeyProcess, type KeyProcess } from '#core/crypto/key-process/client'
import { signatureAlgorithms } from '#core/crypto/sign'
import { emptyCommit, type RowWrite } from '#core/storage/commit'
import { openSqlite } from '#core/storage/sqlite/open-sqlite'
import type { Storage } from '#core/storage/storage'
import { tables } from '#core/storage/table'
import { createKeyring, environmentKey, keyringMigration, logKey, rowMacKey, subjectKey, workspaceKey, type Keyring, type KeyPlace } from './keyring.ts'

const rootKey = Buffer.alloc(32, 7)
let storage: Storage
let keyProcess: KeyProcess
let keyring: Keyring

before(async () => {
  storage = await openSqlite({ path: ':memory:', migrations: [keyringMigration] })
  keyProcess = createInlineKeyProcess(rootKey)
  keyring = createKeyring(storage, keyProcess)
  await create(workspaceKey('wsp_a'), environmentKey('wsp_a', 'env_a'), environmentKey('wsp_a', 'env_b'), subjectKey('wsp_a', 'prn_a'), subjectKey('wsp_a', 'prn_b'),
    logKey('log-ed25519', 'wsp_a'), logKey('log-ml-dsa-44', 'wsp_a'), rowMacKey)
  await create(workspaceKey('wsp_b'), environmentKey('wsp_b', 'env_c'), subjectKey('wsp_b', 'prn_c'))
})
after(async () => {
  await keyProcess.close()
  await storage.close()
})

const commit = (writes: readonly RowWrite[]) => storage.commit({ ...emptyCommit, writes })

async function create(...places: readonly KeyPlace[]): Promise<void> {
  const draft = keyring.draft()
  for (const place of places) await draft.create(place)
  await commit(draft.writes)
}

interface Row {
  readonly id: string
  readonly version: number
  readonly wrapped: Uint8Array
}
const rowOf = (id: string): Promise<Row> => storage.reader<{ keyring: Row }>().selectFrom('keyring').selectAll().where('id', '=', id).executeTakeFirstOrThrow()

/** Somebody who can write to the database, and nothing else. */
async function overwrite(id: string, changed: Partial<Row>): Promise<() => Promise<void>> {
  const table = tables.get('keyring')!
  const row = await rowOf(id)
  await commit([{ kind: 'update', table, row: { ...row, ...changed, version: row.version + 1 } }])
  return async () => void (await commit([{ kind: 'update', table, row: { ...row, version: row.version + 2 } }]))
}

/** Another server over the same database: it has cached nothing. */
const anew = (process = keyProcess): Keyring => createKeyring(storage, process)
const cannotUnwrap = { code: 'crypto/cannot-unwrap' }

test('R1: what is derived from a key follows from its place: another place, label or version gives other bytes', async () => {
  const derived = await Promise.all([
    keyring.derive(environmentKey('wsp_a', 'env_a'), 'pepper/v1', 1), keyring.derive(environmentKey('wsp_a', 'env_a'), 'pepper/v1', 2),
    keyring.derive(environmentKey('wsp_a', 'env_b'), 'pepper/v1', 1), keyring.derive(environmentKey('wsp_b', 'env_c'), 'pepper/v1', 1),
  ])
  assert.equal(new Set(derived.map((bytes) => bytes.toString('hex'))).size, 4)
  for (const bytes of derived) assert.equal(bytes.length, 32)
  assert.deepEqual(await anew().derive(environmentKey('wsp_a', 'env_a'), 'pepper/v1', 1), derived[0])
})

test('R1: an id of another workspace does not open there', async () => {
  await assert.rejects(anew().derive(environmentKey('wsp_b', 'env_a'), 'pepper/v1', 1), cannotUnwrap)
  await assert.rejects(anew().exportKey(subjectKey('wsp_b', 'prn_a')), cannotUnwrap)
  await assert.rejects(anew().sign({ ...logKey('log-ed25519', 'wsp_b'), keyId: 'wsp_a' }, Buffer.from('a')), cannotUnwrap)
})

test('a key whose type does not leave the key process is not exported, and only signing keys sign', async () => {
  for (const place of [workspaceKey('wsp_a'), environmentKey('wsp_a', 'env_a'), logKey('log-ed25519', 'wsp_a')]) {
    await assert.rejects(keyring.exportKey(place), { code: 'crypto/not-permitted' })
  }
  await assert.rejects(keyring.sign(subjectKey('wsp_a', 'prn_a'), Buffer.from('a')), { code: 'crypto/not-permitted' })
  await assert.rejects(keyring.derive(environmentKey('wsp_a', 'env_a'), 'another', 1), { code: 'crypto/not-permitted' })
})

test('signatures of a log verify under the public key of that log, and of no other', async () => {
  const message = Buffer.from('checkpoint')
  for (const type of ['log-ed25519', 'log-ml-dsa-44'] as const) {
    const [signature, publicKey] = [await keyring.sign(logKey(type, 'wsp_a'), message), await anew().publicKey(logKey(type, 'wsp_a'))]
    const scheme = signatureAlgorithms[keyTypes[type].algorithm!]
    assert.ok(scheme.verify(publicKey, message, signature))
    assert.ok(!scheme.verify(publicKey, Buffer.from('another'), signature))
  }
})

test('R3: a row that was swapped, altered or cut does not unwrap, and what stands below it neither', async () => {
  const [one, other] = ['environment/env_a/1', 'environment/env_b/1']
  const { wrapped } = await rowOf(one)
  const flipped = Buffer.from(wrapped)
  flipped[flipped.length - 1]! ^= 1
  const attacks: readonly (readonly [string, Uint8Array])[] = [
    [one, (await rowOf(other)).wrapped], [one, flipped], [one, wrapped.subarray(1)], [one, Buffer.alloc(0)], [one, (await rowOf('workspace/wsp_a/1')).wrapped],
    ['workspace/wsp_a/1', (await rowOf('workspace/wsp_b/1')).wrapped],
  ]
  for (const [id, bytes] of attacks) {
    const restore = await overwrite(id, { wrapped: bytes })
    await assert.rejects(anew().derive(environmentKey('wsp_a', 'env_a'), 'pepper/v1', 1), cannotUnwrap)
    await restore()
  }
  await anew().derive(environmentKey('wsp_a', 'env_a'), 'pepper/v1', 1)
})

test('R3: under another root key nothing opens', async () => {
  const stranger = createInlineKeyProcess(Buffer.alloc(32, 8))
  await assert.rejects(anew(stranger).exportKey(rowMacKey), cannotUnwrap)
  await assert.rejects(anew(stranger).exportKey(subjectKey('wsp_a', 'prn_a')), cannotUnwrap)
  await stranger.close()
})

test('keys of one commit can stand above each other and be used before any of them is stored', async () => {
  const draft = keyring.draft()
  const place = environmentKey('wsp_new', 'env_new')
  await draft.create(workspaceKey('wsp_new'))
  await draft.create(place)
  const derived = await draft.derive(place, 'pepper/v1', 1)
  assert.equal(await keyring.has(place), false)
  assert.equal(draft.writes.length, 2)
  await commit(draft.writes)
  assert.equal(await keyring.has(place), true)
  assert.deepEqual(await keyring.derive(place, 'pepper/v1', 1), derived)
})

test('a draft that is dropped leaves nothing behind', async () => {
  const draft = keyring.draft()
  await draft.create(workspaceKey('wsp_dropped'))
  assert.equal(await keyring.has(workspaceKey('wsp_dropped')), false)
  await assert.rejects(keyring.draft().create(environmentKey('wsp_dropped', 'env_dropped')), /R2/)
})

test('R2: a key that is used exists, and one below nothing is not made', async () => {
  await assert.rejects(keyring.derive(environmentKey('wsp_a', 'env_none'), 'pepper/v1', 1), /R2.*env_none/)
  await assert.rejects(keyring.draft().create(subjectKey('wsp_none', 'prn_none')), /R2/)
  assert.equal(await keyring.exportKey(subjectKey('wsp_a', 'prn_none')), null)
  assert.equal(await keyring.exportKey(subjectKey('wsp_none', 'prn_a')), null)
})

test('a key that is there already is not made again', async () => {
  const draft = keyring.draft()
  await draft.create(workspaceKey('wsp_a'))
  await assert.rejects(commit(draft.writes), { kind: 'unique' })
})

test('R4: a destroyed key is gone at once, for this server and every other, and the keys beside it stay', async () => {
  const [place, beside] = [subjectKey('wsp_a', 'prn_b'), subjectKey('wsp_a', 'prn_a')]
  const other = anew()
  const bytes = [await keyring.exportKey(place), await other.exportKey(place)]
  assert.deepEqual(bytes[0], bytes[1])
  const write = await keyring.destroy(place)
  assert.ok(write !== null)
  assert.equal(await keyring.has(place), true, 'deciding to destroy destroys nothing')
  await commit([write])
  for (const server of [keyring, other]) {
    assert.equal(await server.exportKey(place), null)
    assert.equal(await server.has(place), false)
    assert.equal(await server.destroy(place), null)
    assert.equal((await server.exportKey(beside))?.length, 32)
  }
  await create(place)
  assert.notDeepEqual(await keyring.exportKey(place), bytes[0], 'a new key of that name is another key')
})

test('R4: of two who destroy a key one is out of date', async () => {
  await create(subjectKey('wsp_a', 'prn_twice'))
  const writes = [await keyring.destroy(subjectKey('wsp_a', 'prn_twice')), await keyring.destroy(subjectKey('wsp_a', 'prn_twice'))]
  await commit([writes[0]!])
  await assert.rejects(commit([writes[1]!]), { kind: 'version' })
})

/** A storage whose reads are counted, and that can be told of another's write. */
function watched(): { storage: Storage; reads: () => number; foreignWrite: () => void } {
  let reads = 0
  const listeners: (() => void)[] = []
  return {
    storage: {
      ...storage,
      reader: <Tables>() => {
        reads++
        return storage.reader<Tables>()
      },
      onForeignWrite: (listener) => void listeners.push(listener),
    },
    reads: () => reads,
    foreignWrite: () => listeners.forEach((listener) => listener()),
  }
}

test('a chain is read once and then kept, until somebody else has written', async () => {
  const { storage: watchedStorage, reads, foreignWrite } = watched()
  const cached = createKeyring(watchedStorage, keyProcess)
  const place = environmentKey('wsp_a', 'env_a')
  const derive = () => cached.derive(place, 'pepper/v1', 1)
  const derived = await derive()
  assert.equal(reads(), 2)
  assert.deepEqual(await derive(), derived)
  assert.equal(reads(), 2)
  const restore = await overwrite('environment/env_a/1', { wrapped: (await rowOf('environment/env_b/1')).wrapped })
  foreignWrite()
  await assert.rejects(derive(), cannotUnwrap)
  await restore()
  foreignWrite()
  assert.deepEqual(await derive(), derived)
})

test('R4: the key of a subject is never kept: each use looks whether it is still there', async () => {
  const { storage: watchedStorage, reads } = watched()
  const cached = createKeyring(watchedStorage, keyProcess)
  await cached.exportKey(subjectKey('wsp_a', 'prn_a'))
  const before = reads()
  await cached.exportKey(subjectKey('wsp_a', 'prn_a'))
  assert.equal(reads(), before + 1)
})

test('nothing of a key lies in the database as it is', async () => {
  const [mac, subject] = [await keyring.exportKey(rowMacKey), await keyring.exportKey(subjectKey('wsp_a', 'prn_a'))]
  const rows = await storage.reader<{ keyring: Row }>().selectFrom('keyring').selectAll().execute()
  const stored = Buffer.concat(rows.map(({ wrapped }) => Buffer.from(wrapped)))
  for (const key of [rootKey, mac!, subject!]) assert.ok(!stored.includes(key))
})
