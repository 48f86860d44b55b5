/** Somebody with the database file and an editor: what they alter verifies nowhere, is shown for what it is, and can still be taken away. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { disableKey } from './disable-key.ts'
import { enableKey } from './enable-key.ts'
import { codeOf, edit, fault, issue, offer, openWorld, read, write, type World } from './fixtures/world.ts'
import { getKey } from './get-key.ts'
import { listKeys } from './list-keys.ts'
import { revokeApi } from './revoke-api.ts'
import { revokeConsumer } from './revoke-consumer.ts'
import { revokeEnvironment } from './revoke-environment.ts'
import { revokeKey } from './revoke-key.ts'
import { updateKey } from './update-key.ts'

/** Everything a row holds that decides. */
const edits: Readonly<Record<string, string>> = {
  'its status': `UPDATE keys SET status = 'active', revoked_at_ms = NULL, revocation_reason = NULL WHERE id = ?`,
  'its permissions': `UPDATE keys SET permissions = '["rpc:admin"]' WHERE id = ?`,
  'its expiry': `UPDATE keys SET expires_at_ms = expires_at_ms + 1 WHERE id = ?`,
  'its hash': `UPDATE keys SET hash = zeroblob(32) WHERE id = ?`,
  'the length of its hash': `UPDATE keys SET hash = zeroblob(5) WHERE id = ?`,
  'its addresses': `UPDATE keys SET ip_ranges = 'not even JSON' WHERE id = ?`,
  'its consumer': `UPDATE keys SET consumer_id = NULL, name = 'x' WHERE id = ?`,
  'its environment': `UPDATE keys SET environment_id = 'env_0000000000000000' WHERE id = ?`,
  'its salt': `UPDATE keys SET salt = zeroblob(16) WHERE id = ?`,
  'its MAC': `UPDATE keys SET mac = zeroblob(32) WHERE id = ?`,
  'the length of its MAC': `UPDATE keys SET mac = x'' WHERE id = ?`,
  'its head': `UPDATE row_heads SET version = version + 1 WHERE id = 'keys/' || ?`,
  'the absence of its head': `DELETE FROM row_heads WHERE id = 'keys/' || ?`,
}

async function withWorld(run: (world: World, path: string, reopen: () => Promise<World>) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'claviger-keys-'))
  const path = join(directory, 'test.db')
  let world = await openWorld({ path })
  try {
    await run(world, path, async () => {
      const { tenant, grants } = world
      await world.close()
      const again = await openWorld({ path, seed: 'again' })
      for (const [principal, granted] of grants) again.grants.set(principal, granted)
      world = { ...again, tenant, as: { caller: tenant.owner } }
      return world
    })
  } finally {
    await world.close()
    rmSync(directory, { recursive: true })
  }
}

/** The listener of a foreign write runs when the storage next looks, at the latest 200 ms later. */
async function noticed(world: World, check: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 5_000; !(await check()); ) {
    assert.ok(Date.now() < deadline, 'the change was never noticed')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await world.services.verification.warm()
}

for (const [what, statement] of Object.entries(edits)) {
  test(`K8: a key of which somebody altered ${what} verifies nowhere, neither from memory nor from the database, and can be revoked`, async () => {
    await withWorld(async (world, path, reopen) => {
      const { environment, consumer } = await offer(world)
      const key = await issue(world, environment.environmentId, { consumerId: consumer.consumerId })
      const revoked = what === 'its status'
      if (revoked) await write(world, world.services, revokeKey, world.as, { params: { keyId: key.keyId }, body: { reason: 'superseded' } })
      await world.services.verification.warm()
      assert.equal(await codeOf(world, key.secret), revoked ? 'revoked' : 'valid')
      edit(path, statement, key.keyId)
      await noticed(world, async () => (await codeOf(world, key.secret)) === 'tampered')
      assert.equal(await codeOf(world, key.secret), 'tampered')
      assert.ok(world.services.verification.tamperedKeys.has(key.keyId))
      const again = await reopen()
      assert.equal(await codeOf(again, key.secret), 'tampered')
      await again.services.verification.warm()
      assert.equal(await codeOf(again, key.secret), 'tampered')
      // Shown, not hidden.
      const { genuine } = await read(again, again.services, getKey, again.as, { params: { keyId: key.keyId } })
      assert.equal(genuine, false)
      const listed = await read(again, again.services, listKeys, again.as, { query: { search: key.keyId } })
      assert.deepEqual(listed.items.map((item) => [item.keyId, item.genuine]), [[key.keyId, false]])
      // Nothing makes it genuine again but taking it away.
      const params = { keyId: key.keyId }
      await assert.rejects(write(again, again.services, updateKey, again.as, { params, body: { name: 'x' } }), fault('storage/tampered'))
      await assert.rejects(write(again, again.services, disableKey, again.as, { params }), fault('storage/tampered'))
      await assert.rejects(write(again, again.services, enableKey, again.as, { params }), fault('storage/tampered'))
      const taken = await write(again, again.services, revokeKey, again.as, { params, body: { reason: 'key-compromise' } })
      assert.equal(taken.status, 'revoked')
      assert.notEqual(await codeOf(again, key.secret), 'valid')
      const shown = await read(again, again.services, getKey, again.as, { params })
      assert.deepEqual([shown.status, shown.genuine], ['revoked', true])
    })
  })
}

const columnsOf = (database: DatabaseSync): string[] =>
  database.prepare(`SELECT name FROM pragma_table_info('keys')`).all().map((column) => String(column['name']))

test('K8: a row restored from an older, once genuine copy, its salt and MAC with it, verifies nowhere', async () => {
  await withWorld(async (world, path, reopen) => {
    const { environment } = await offer(world)
    const key = await issue(world, environment.environmentId)
    edit(path, 'CREATE TABLE copy AS SELECT * FROM keys WHERE id = ?', key.keyId)
    await write(world, world.services, revokeKey, world.as, { params: { keyId: key.keyId }, body: { reason: 'key-compromise' } })
    edit(path, 'DELETE FROM keys WHERE id = ?', key.keyId)
    edit(path, 'INSERT INTO keys SELECT * FROM copy')
    await noticed(world, async () => (await codeOf(world, key.secret)) === 'tampered')
    assert.equal(await codeOf(await reopen(), key.secret), 'tampered')
  })
})

test('K8: two rows whose contents were swapped verify nowhere', async () => {
  await withWorld(async (world, path, reopen) => {
    const { environment } = await offer(world)
    const [weak, strong] = [await issue(world, environment.environmentId), await issue(world, environment.environmentId, { permissions: ['rpc:admin'] })]
    const database = new DatabaseSync(path, { timeout: 2_000 })
    const columns = columnsOf(database).filter((column) => column !== 'id').join(', ')
    database.close()
    edit(path, 'CREATE TABLE copy AS SELECT * FROM keys WHERE id = ?', strong.keyId)
    edit(path, `UPDATE keys SET (${columns}) = (SELECT ${columns} FROM keys WHERE id = ?) WHERE id = ?`, weak.keyId, strong.keyId)
    edit(path, `UPDATE keys SET (${columns}) = (SELECT ${columns} FROM copy) WHERE id = ?`, weak.keyId)
    await noticed(world, async () => (await codeOf(world, weak.secret)) === 'tampered')
    const again = await reopen()
    assert.deepEqual([await codeOf(again, weak.secret), await codeOf(again, strong.secret)], ['tampered', 'tampered'])
  })
})

const above: Readonly<Record<string, { sql: string; revoke: (world: World, ids: Awaited<ReturnType<typeof offer>>) => Promise<unknown> }>> = {
  consumer: {
    sql: `UPDATE consumers SET status = 'revoked', revoked_at_ms = 1 WHERE name IS NOT NULL`,
    revoke: (world, { consumer }) => write(world, world.services, revokeConsumer, world.as, { params: { consumerId: consumer.consumerId }, body: { reason: 'key-compromise' } }),
  },
  environment: {
    sql: `UPDATE environments SET policy = 'x', recording = 'sometimes' WHERE kind = 'production' AND slug = 'production' AND api_id IN (SELECT id FROM apis WHERE built_in = 0)`,
    revoke: (world, { environment }) => write(world, world.services, revokeEnvironment, world.as, { params: { environmentId: environment.environmentId }, body: { reason: 'key-compromise' } }),
  },
  API: {
    sql: `UPDATE apis SET catalogue = '[{"name":1}]' WHERE built_in = 0`,
    revoke: (world, { api }) => write(world, world.services, revokeApi, world.as, { params: { apiId: api.apiId }, body: { reason: 'key-compromise' } }),
  },
}

for (const [what, { sql, revoke }] of Object.entries(above)) {
  test(`K8: a key whose ${what} was altered is refused, and the ${what} can still be revoked`, async () => {
    await withWorld(async (world, path) => {
      const offered = await offer(world)
      const key = await issue(world, offered.environment.environmentId, { consumerId: offered.consumer.consumerId })
      assert.equal(await codeOf(world, key.secret), 'valid')
      edit(path, sql)
      await noticed(world, async () => (await codeOf(world, key.secret)) === 'tampered')
      await revoke(world, offered)
      assert.equal(await codeOf(world, key.secret), 'revoked')
    })
  })
}

test('a key that was moved to another workspace by hand is not theirs, and its own can revoke it', async () => {
  await withWorld(async (world, path) => {
    const { environment } = await offer(world)
    const key = await issue(world, environment.environmentId)
    const other = await world.found()
    edit(path, 'UPDATE keys SET workspace_id = ? WHERE id = ?', other.workspaceId, key.keyId)
    await noticed(world, async () => (await codeOf(world, key.secret)) !== 'valid')
    // Its own workspace hears no more than that there is no such key; nobody can verify it.
    assert.equal(await codeOf(world, key.secret), 'not-found')
    const revoked = await write(world, world.services, revokeKey, world.as, { params: { keyId: key.keyId }, body: { reason: 'key-compromise' } })
    assert.equal(revoked.status, 'revoked')
    assert.equal(await codeOf(world, key.secret), 'revoked')
    await assert.rejects(write(world, world.services, revokeKey, { caller: other.owner }, { params: { keyId: key.keyId }, body: { reason: 'key-compromise' } }), fault('keys/not-found'))
  })
})

test('K5: that a key of one workspace was altered is not told to another', async () => {
  await withWorld(async (world, path) => {
    const { environment } = await offer(world)
    const key = await issue(world, environment.environmentId)
    const as = { caller: (await world.found()).owner }
    edit(path, edits['its permissions'] as string, key.keyId)
    await noticed(world, async () => (await codeOf(world, key.secret)) === 'tampered')
    assert.equal(await codeOf(world, key.secret, {}, as), 'not-found')
  })
})
