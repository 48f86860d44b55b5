import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createInlineKeyProcess } from '#core/crypto/key-process/client'
import { createKeyring, environmentKey, keyringMigration, workspaceKey } from '#core/keyring/keyring'
import { emptyCommit } from '#core/storage/commit'
import { openSqlite } from '#core/storage/sqlite/open-sqlite'
import { createPeppers, peppersMax } from './peppers.ts'

const storage = await openSqlite({ path: ':memory:', migrations: [keyringMigration] })
const keyProcess = createInlineKeyProcess(Buffer.alloc(32, 7))
const keyring = createKeyring(storage, keyProcess)
after(async () => {
  await keyProcess.close()
  await storage.close()
})
const draft = keyring.draft()
for (const place of [workspaceKey('wsp_a'), environmentKey('wsp_a', 'env_a'), environmentKey('wsp_a', 'env_b')]) await draft.create(place)
await storage.commit({ ...emptyCommit, writes: draft.writes })

test('each environment, and each version, has a pepper of its own, and it is the same whenever it is derived', async () => {
  const hashOf = async (environmentId: string, version: number) => (await createPeppers(keyring).load('wsp_a', environmentId, version)).digest('token').toString('hex')
  const hashes = await Promise.all([hashOf('env_a', 1), hashOf('env_a', 2), hashOf('env_b', 1)])
  assert.equal(new Set(hashes).size, 3)
  assert.equal(await hashOf('env_a', 1), hashes[0])
})

test('at most 10,000 peppers are in memory: the oldest gives way, and is derived again as it was', async () => {
  assert.equal(peppersMax, 10_000)
  const peppers = createPeppers(keyring)
  const first = await peppers.load('wsp_a', 'env_a', 1)
  const digest = first.digest('token')
  for (let version = 2; version <= peppersMax; version++) await peppers.load('wsp_a', 'env_a', version)
  assert.equal(peppers.known('env_a', 1), first, 'as many as fit')
  await peppers.load('wsp_a', 'env_b', 1)
  assert.equal(peppers.known('env_a', 1), undefined)
  assert.notEqual(peppers.known('env_a', 2), undefined)
  assert.deepEqual((await peppers.load('wsp_a', 'env_a', 1)).digest('token'), digest)
  assert.equal(peppers.known('env_a', 2), undefined)
  assert.notEqual(peppers.known('env_b', 1), undefined)
})
