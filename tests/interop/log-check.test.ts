/** The whole check of a log, against the real server: over HTTP, in its database, and in a copy of it. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { verifyReceipt } from '@claviger/verifier'
import {
  createLogKeys, directorySource, exportLog, httpSource, storageSource, storedBlock, verifyLog, type BlockRecord, type LogSource, type VerifyReport,
} from '#cap/audit'
import type { KeysDatabase } from '#cap/keys'
import { call, type TestInstance } from '../support/instance.ts'
import { startPostgres } from '../support/postgres.ts'
import { published, startRunningLog, type RunningLog } from './running-log.ts'

let log: RunningLog
let vkeys: readonly string[] = []
const root = mkdtempSync(join(tmpdir(), 'claviger-check-'))

before(async () => {
  log = await startRunningLog()
  vkeys = await keysOf(log.server)
})

after(async () => {
  await log.server.close()
  rmSync(root, { recursive: true, force: true })
})

const overHttp = ({ url, ownerSecret, workspaceId }: TestInstance = log.server): LogSource =>
  httpSource({ fetch, url, credential: ownerSecret, workspaceId })

async function* blocksOf({ instance }: TestInstance): AsyncGenerator<BlockRecord> {
  const rows = await instance.storage.reader<KeysDatabase>().selectFrom('use_blocks').selectAll().execute()
  for (const row of rows) yield storedBlock(row)
}

const inStorage = (isLive = true): LogSource => inDatabase(log.server, vkeys, isLive)

const inDatabase = (server: TestInstance, keys: readonly string[], isLive: boolean): LogSource =>
  storageSource({ storage: server.instance.storage, workspaceId: server.workspaceId, vkeys: keys, blocks: () => blocksOf(server), isLive })

const keysOf = async ({ instance, workspaceId }: TestInstance): Promise<readonly string[]> =>
  (await createLogKeys(instance.keyring).verifierKeys(workspaceId)).map(({ verifierKey }) => verifierKey)

const findingOf = ({ problems: [problem] }: VerifyReport): string =>
  problem === undefined ? 'ok' : `${problem.code} ${problem.place.kind} ${problem.place.name}`.trimEnd()

test('a running server\'s log passes, over HTTP and in its database, with the keys of the vault', async () => {
  for (const source of [overHttp(), inStorage()]) {
    const report = await verifyLog(source, { vkeys, workspaceId: log.server.workspaceId })
    assert.equal(findingOf(report), 'ok')
    const { counts } = report
    assert.ok(counts.entries > 256 && counts.rows > 260 && counts.blocks >= 1 && counts.checkpoints >= 2, JSON.stringify(counts))
    assert.equal(counts.erased, 1)
  }
})

test('a copy taken over HTTP passes, and so does one that is taken while others write', async () => {
  const quiet = join(root, 'quiet')
  assert.equal(findingOf(await exportLog(overHttp(), quiet)), 'ok')
  const copied = await verifyLog(directorySource(quiet), { vkeys })
  assert.equal(findingOf(copied), 'ok')
  assert.ok(copied.counts.rows > 260)

  let isDone = false
  const writing = (async () => {
    for (let count = 0; !isDone; count++) {
      const { status, text } = await call(log.server, 'PATCH', `/v1/keys/${log.keyId}`, { name: `name ${count}` })
      assert.equal(status, 200, text)
    }
  })()
  const busy = join(root, 'busy')
  const report = await exportLog(overHttp(), busy).finally(() => (isDone = true))
  await writing
  assert.equal(findingOf(report), 'ok')
  assert.ok(report.size > report.rowsFrom)
  assert.equal(findingOf(await verifyLog(directorySource(busy), { lastSeen: copied.checkpoint! })), 'ok')
})

test('a log that is checked again must have grown from what was seen', async () => {
  const seen = await verifyLog(overHttp())
  await call(log.server, 'POST', '/v1/consumers', { reference: 'one more' })
  await published(log.server)
  const report = await verifyLog(overHttp(), { lastSeen: seen.checkpoint! })
  assert.equal(findingOf(report), 'ok')
  assert.ok(report.size > seen.size)
  const copy = directorySource(join(root, 'quiet'))
  const { size } = await verifyLog(copy)
  assert.equal(findingOf(await verifyLog(copy, { lastSeen: report.checkpoint! })), `log-went-back checkpoint ${size}`)
})

test('a receipt of a revocation proves it offline', async () => {
  const { json } = await call(log.server, 'GET', '/v1/audit/entries?event=key.revoked')
  const [item] = json['items'] as readonly { entryId: string }[]
  const { text } = await call(log.server, 'GET', `/v1/audit/entries/${item!.entryId}/receipt`)
  const proved = verifyReceipt(text, { vkeys })
  assert.ok(proved !== null && proved.entry.toString().includes('"event":"key.revoked"'))
  assert.equal(verifyReceipt(text.replace('index ', 'index 1'), { vkeys }), null)
})

/** Runs a statement on the database file behind the server's back, checks, and puts things back. */
async function edited(statement: string, undo: string, ...values: (string | number)[]): Promise<readonly string[]> {
  const database = new DatabaseSync(join(log.server.dataDirectory, 'claviger.db'))
  try {
    const restore = database.prepare(undo)
    assert.equal(database.prepare(statement).run(...values).changes, 1)
    const found = findingOf(await verifyLog(inStorage(false)))
    assert.equal(restore.run(...values).changes, 1)
    assert.equal(findingOf(await verifyLog(inStorage())), 'ok')
    return [found]
  } finally {
    database.close()
  }
}

test('what is edited in the database behind the server\'s back is named', async () => {
  assert.ok(existsSync(join(log.server.dataDirectory, 'claviger.db')))
  const { keyId, server: { workspaceId } } = log
  assert.deepEqual(await edited(`UPDATE keys SET expires_at_ms = expires_at_ms + 1 WHERE id = ?`, `UPDATE keys SET expires_at_ms = expires_at_ms - 1 WHERE id = ?`, keyId), [`row-altered row keys/${keyId}`])
  assert.deepEqual(await edited(`UPDATE keys SET version = version - 1 WHERE id = ?`, `UPDATE keys SET version = version + 1 WHERE id = ?`, keyId), [`row-rolled-back row keys/${keyId}`])
  assert.deepEqual(await edited(`UPDATE row_heads SET version = version - 1 WHERE id = 'keys/' || ?`, `UPDATE row_heads SET version = version + 1 WHERE id = 'keys/' || ?`, keyId), [`head-differs row keys/${keyId}`])
  assert.deepEqual(await edited(`UPDATE keys SET id = id || 'x' WHERE id = ?`, `UPDATE keys SET id = substr(id, 1, 20) WHERE id = ? || 'x'`, keyId), [`row-unknown row keys/${keyId}x`])
  assert.deepEqual(await edited(`UPDATE entries SET target = 'x' || target WHERE idx = 7 AND stream = ?`, `UPDATE entries SET target = substr(target, 2) WHERE idx = 7 AND stream = ?`, workspaceId), ['entry-index-altered entry 7'])
  assert.deepEqual(await edited(`UPDATE entries SET at_ms = at_ms + 1 WHERE idx = 7 AND stream = ?`, `UPDATE entries SET at_ms = at_ms - 1 WHERE idx = 7 AND stream = ?`, workspaceId), ['entry-index-altered entry 7'])
  assert.deepEqual(await edited(`UPDATE entries SET idx = -1 WHERE idx = 7 AND stream = ?`, `UPDATE entries SET idx = 7 WHERE idx = -1 AND stream = ?`, workspaceId), ['entry-missing entry 7'])
  assert.deepEqual(await edited(`UPDATE entries SET leaf = CAST(replace(leaf, 'consumer.created', 'consumer.createe') AS BLOB) WHERE idx = 20 AND stream = ?`,
    `UPDATE entries SET leaf = CAST(replace(leaf, 'consumer.createe', 'consumer.created') AS BLOB) WHERE idx = 20 AND stream = ?`, workspaceId), ['entry-altered entry 20'])
  assert.deepEqual(await edited(`UPDATE use_blocks SET use_count = use_count + 1 WHERE id = (SELECT min(id) FROM use_blocks WHERE workspace_id = ?)`,
    `UPDATE use_blocks SET use_count = use_count - 1 WHERE id = (SELECT min(id) FROM use_blocks WHERE workspace_id = ?)`, workspaceId).then(([found]) => [found!.split(' ')[0]!]), ['block-altered'])
  assert.deepEqual(await edited(`UPDATE log_tiles SET hashes = CAST(hashes || 'x' AS BLOB) WHERE id = ? || '/0/0'`, `UPDATE log_tiles SET hashes = CAST(substr(hashes, 1, 8192) AS BLOB) WHERE id = ? || '/0/0'`, workspaceId), ['tile-malformed tile tile/0/000'])
})

test('a MAC that is overwritten is named by the server, which alone can tell', async () => {
  const { keyId, server } = log
  const database = new DatabaseSync(join(server.dataDirectory, 'claviger.db'))
  try {
    const { mac } = database.prepare('SELECT mac FROM keys WHERE id = ?').get(keyId) as { mac: Uint8Array }
    for (const other of [new Uint8Array(32), new Uint8Array(3), 'x'.repeat(32)]) {
      database.prepare('UPDATE keys SET mac = ? WHERE id = ?').run(other, keyId)
      assert.equal(findingOf(await verifyLog(overHttp())), `row-mac-differs row keys/${keyId}`)
      assert.equal(findingOf(await verifyLog(inStorage())), 'ok', 'nobody else can')
    }
    database.prepare('UPDATE keys SET mac = ? WHERE id = ?').run(mac, keyId)
    assert.equal(findingOf(await verifyLog(overHttp())), 'ok')
    const { salt } = database.prepare('SELECT salt FROM keys WHERE id = ?').get(keyId) as { salt: Uint8Array }
    database.prepare('UPDATE keys SET salt = 5 WHERE id = ?').run(keyId)
    assert.equal(findingOf(await verifyLog(overHttp())), `row-altered row keys/${keyId}`)
    database.prepare('UPDATE keys SET salt = ? WHERE id = ?').run(salt, keyId)
  } finally {
    database.close()
  }
})

test('evidence that is wiped from the database is missed, by its entry, its block or its subject', async () => {
  const { server: { workspaceId, dataDirectory } } = log
  const database = new DatabaseSync(join(dataDirectory, 'claviger.db'))
  try {
    const wiped = async (from: string, where: string, change: string): Promise<string> => {
      const before = database.prepare(`SELECT * FROM ${from} WHERE ${where}`).get(workspaceId)
      assert.ok(before !== undefined)
      assert.equal(database.prepare(`${change} WHERE ${where}`).run(workspaceId).changes, 1)
      const found = findingOf(await verifyLog(inStorage(false)))
      const columns = Object.keys(before)
      database.prepare(`INSERT OR REPLACE INTO ${from} (${columns.join()}) VALUES (${columns.map(() => '?').join()})`).run(...Object.values(before))
      assert.equal(findingOf(await verifyLog(inStorage())), 'ok')
      return found
    }
    assert.equal(await wiped('entries', 'idx = 20 AND stream = ?', `UPDATE entries SET details = x''`), 'details-missing entry 20')
    assert.match(await wiped('keyring', `id = (SELECT min(id) FROM keyring WHERE type = 'subject' AND workspace_id = ?)`, 'DELETE FROM keyring'), /^subject-key-missing subject \w{3}_/)
    assert.match(
      await wiped('use_blocks', 'id = (SELECT min(id) FROM use_blocks WHERE workspace_id = ?)', `UPDATE use_blocks SET sections = CAST(replace(CAST(sections AS TEXT), '"sealed":"', '"sealed":"","was":"') AS BLOB)`),
      /^block-malformed block blk_/,
    )
    const firstOf = (from: string): string => `id = (SELECT min(id) FROM ${from} WHERE workspace_id = ?)`
    assert.match(await wiped('use_blocks', firstOf('use_blocks'), `UPDATE use_blocks SET environment_id = 'env_0000000000000000'`), /^block-altered block blk_/, 'hidden from where it is looked for')
    // What is of another type, or beyond every number, is named like whatever else is wrong.
    assert.match(await wiped('use_blocks', firstOf('use_blocks'), 'UPDATE use_blocks SET from_ms = 1152921504606846976'), /^block-malformed block blk_/)
    assert.match(await wiped('use_blocks', firstOf('use_blocks'), `UPDATE use_blocks SET sections = 7`), /^block-malformed block blk_/)
    assert.equal(await wiped('entries', 'idx = 20 AND stream = ?', 'UPDATE entries SET at_ms = 1152921504606846976'), 'entry-index-altered entry 20')
    assert.equal(await wiped('entries', 'idx = 20 AND stream = ?', `UPDATE entries SET leaf = 'text'`), 'entry-malformed entry 20')
    assert.match(await wiped('keys', firstOf('keys'), `UPDATE keys SET salt = 'text'`), /^row-malformed row keys\/key_/)
    const { counts } = await verifyLog(inStorage())
    assert.ok(counts.sealed !== null && counts.sealed > 256 && counts.subjectKeys !== null && counts.subjectKeys > 2, JSON.stringify(counts))
    assert.equal((await verifyLog(overHttp())).counts.sealed, null)
  } finally {
    database.close()
  }
})

const postgres = await startPostgres()

test('the log of a server on PostgreSQL passes the same check, over HTTP and in its database', 'skip' in postgres ? postgres : {}, async () => {
  assert.ok(!('skip' in postgres))
  const database = await postgres.createDatabase()
  const { server } = await startRunningLog({ databaseUrl: database.url })
  try {
    for (const source of [overHttp(server), inDatabase(server, await keysOf(server), true)]) {
      const report = await verifyLog(source)
      assert.equal(findingOf(report), 'ok')
      assert.ok(report.counts.entries > 256 && report.counts.rows > 260 && report.counts.blocks >= 1)
    }
  } finally {
    await server.close()
    await database.drop()
  }
})
