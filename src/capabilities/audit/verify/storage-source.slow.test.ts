import assert from 'node:assert/strict'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { tileWidth, tilePath, entriesPath } from '@claviger/verifier'
import { lastMs, toTimestamp } from '#core/base/clock'
import type { Storage } from '#core/storage/storage'
import { changeOf, gate, gateId, makeWorkspace, openRoom, personId, temporaryDatabase, writeGate, type AuditRoom } from '../fixtures.ts'
import { auditedTables } from '../list-rows.ts'
import type { LogSource } from './source.ts'
import { storageSource, storedBlock, type StorageSourceOptions } from './storage-source.ts'
import { verifyLog } from './verify-log.ts'

const gates = 520
let storage: Storage
let room: AuditRoom
let log: string
let vkeys: readonly string[]
let file: DatabaseSync
const { path, open, remove } = temporaryDatabase()

before(async () => {
  storage = await open()
  room = openRoom(storage)
  log = await makeWorkspace(room, [personId(1)])
  const opened = (digit: number) => changeOf(log, { target: gateId(digit), writes: [writeGate(gate(log, digit))], details: [{ subject: personId(1), data: { ip: '192.0.2.7' } }] })
  for (let digit = 0; digit < 20; digit++) {
    await room.recorder.recordChanges([opened(digit)])
    await room.publisher.publishNow(log)
  }
  for (let digit = 20; digit < gates; digit += 50) {
    await room.recorder.recordChanges(Array.from({ length: 50 }, (_, at) => opened(digit + at)))
  }
  await room.publisher.publishNow(log)
  vkeys = (await room.keys.verifierKeys(log)).map(({ verifierKey }) => verifierKey)
  file = new DatabaseSync(path, { timeout: 5_000 })
})

after(async () => {
  file.close()
  await storage.close()
  remove()
})

async function* none(): AsyncGenerator<never> { /* no uses */ }

function sourceOf(more: Partial<StorageSourceOptions> = {}): LogSource {
  // A check reads all tables that are guarded, those of other rooms too where their tests run in the same process.
  for (const { name } of auditedTables()) file.exec(`CREATE TABLE IF NOT EXISTS ${name} (id TEXT PRIMARY KEY, workspace_id TEXT)`)
  return storageSource({ storage, workspaceId: log, vkeys, blocks: none, isLive: false, ...more })
}

async function findingOf(more: Partial<StorageSourceOptions> = {}): Promise<string> {
  const { problems: [problem] } = await verifyLog(sourceOf(more))
  return problem === undefined ? 'ok' : `${problem.code} ${problem.place.kind} ${problem.place.name}`.trimEnd()
}

/** What a check finds after an edit behind the server's back; the row is put back after it. */
async function edited(table: string, where: string, change: string, more: Partial<StorageSourceOptions> = {}): Promise<string> {
  const key = table === 'row_heads' ? 'id' : 'rowid'
  const row = file.prepare(`SELECT ${key}, * FROM ${table} WHERE ${where}`).get() as Record<string, SQLInputValue>
  assert.equal(file.prepare(`${change} WHERE ${where}`).run().changes, 1, change)
  const found = await findingOf(more)
  file.prepare(`DELETE FROM ${table} WHERE ${key} = ?`).run(row[key]!)
  const names = Object.keys(row)
  file.prepare(`INSERT INTO ${table} (${names.join()}) VALUES (${names.map(() => '?').join()})`).run(...Object.values(row))
  return found
}

test('a log in its database passes, to its last row, checkpoint and sealed detail, and another workspace sees nothing of it', async () => {
  const { ok, size, counts } = await verifyLog(sourceOf({ guard: room.guard }))
  assert.equal(ok, true)
  assert.deepEqual([size, counts.rows, counts.sealed, counts.subjectKeys, counts.unpublished], [gates, gates, gates, 1, 0])
  assert.ok(counts.checkpoints > 17, 'more than are read at once')
  const other = await makeWorkspace(room)
  const theirs = sourceOf({ workspaceId: other })
  for (const items of [theirs.rows(), theirs.checkpoints(), theirs.leaves!(0), theirs.sealed!.subjectKeys()]) {
    for await (const item of items) assert.fail(`not theirs: ${JSON.stringify(item)}`)
  }
  assert.deepEqual([await theirs.checkpoint(), await theirs.tile(tilePath({ level: 0, index: 0 })), await theirs.tile(entriesPath({ index: 0 }))], [null, null, null])
})

test('a tile that has grown is handed out as it was, what lies beyond the log is not, and neither is what is no tile', async () => {
  const source = sourceOf()
  const whole = await source.tile(tilePath({ level: 0, index: 1 }))
  assert.equal(whole?.length, tileWidth * 32)
  assert.deepEqual(await source.tile(tilePath({ level: 0, index: 1, width: 3 })), whole.subarray(0, 96))
  const edge = await source.tile(tilePath({ level: 0, index: 2, width: 8 }))
  assert.equal(edge?.length, 8 * 32)
  assert.deepEqual(await source.tile(tilePath({ level: 0, index: 2, width: 5 })), edge.subarray(0, 160))
  for (const place of [{ level: 0, index: 3 }, { level: 0, index: 3, width: 1 }, { level: 1, index: 1, width: 1 }, { level: 2, index: 0, width: 1 }]) {
    assert.equal(await source.tile(tilePath(place)), null, tilePath(place))
  }
  assert.equal((await source.tile(tilePath({ level: 1, index: 0, width: 2 })))?.length, 64)
  assert.equal(await source.tile(entriesPath({ index: 3 })), null)
  assert.equal(await source.tile('tile/../keys'), null)
})

test('entries that no checkpoint covers are read to the last, from wherever that is asked for', async () => {
  for (const from of [0, 7, 256, 264, gates - 1, gates]) {
    let count = 0
    for await (const leaf of sourceOf().leaves!(from)) {
      assert.ok(Buffer.from(leaf).includes(`"target":"${gateId(from + count)}"`))
      count++
    }
    assert.equal(count, gates - from)
  }
})

test('what an entry is found by must be what the entry says, of whatever type it was made', async () => {
  const [entry, newest] = [7, gates - 1].map((idx) => `stream = '${log}' AND idx = ${idx}`) as [string, string]
  assert.equal(await edited('entries', entry, `UPDATE entries SET id = 'ent_0000000000000000'`), 'entry-index-altered entry 7')
  assert.equal(await edited('entries', entry, `UPDATE entries SET target = '${gateId(8)}'`), 'entry-index-altered entry 7')
  assert.equal(await edited('entries', entry, `UPDATE entries SET target = ''`), 'entry-index-altered entry 7')
  assert.equal(await edited('entries', entry, 'UPDATE entries SET at_ms = at_ms + 1'), 'entry-index-altered entry 7')
  assert.equal(await edited('entries', entry, `UPDATE entries SET at_ms = ${lastMs + 1}`), 'entry-index-altered entry 7')
  assert.equal(await edited('entries', entry, 'UPDATE entries SET idx = 100000'), 'entry-missing entry 7')
  assert.equal(await edited('entries', newest, 'UPDATE entries SET idx = 100000'), `entry-missing entry ${gates - 1}`)
  assert.equal(await edited('entries', entry, `UPDATE entries SET leaf = 'text'`), 'entry-malformed entry 7')
  assert.equal(await edited('entries', entry, 'UPDATE entries SET leaf = zeroblob(65536)'), 'entry-malformed entry 7')
  assert.equal(await edited('entries', entry, `UPDATE entries SET details = x''`), 'details-missing entry 7')
  assert.equal(await findingOf(), 'ok')
})

test('a checkpoint, an edge and a row that are no longer of their type are named, and not what they stand for', async () => {
  const head = `id = '${log}'`
  const row = `id = '${gateId(5)}'`
  const rowHead = `id = 'audit_gates/${gateId(5)}'`
  const named = `row audit_gates/${gateId(5)}`
  assert.equal(await edited('log_heads', head, 'UPDATE log_heads SET checkpoint = 7'), 'checkpoint-malformed checkpoint')
  assert.equal(await edited('log_heads', head, `UPDATE log_heads SET checkpoint = x'00'`), 'checkpoint-malformed checkpoint')
  assert.equal(await edited('log_heads', head, `UPDATE log_heads SET edge = 'text'`), 'tile-missing tile tile/0/002.p/8')
  assert.equal(await edited('log_heads', head, `UPDATE log_heads SET edge = x''`), 'tile-missing tile tile/0/002.p/8')
  assert.equal(await edited('log_checkpoints', `id = (SELECT max(id) FROM log_checkpoints)`, `UPDATE log_checkpoints SET checkpoint = x'00'`), 'checkpoint-malformed checkpoint')
  assert.equal(await edited('audit_gates', row, `UPDATE audit_gates SET salt = 'text'`), `row-malformed ${named}`)
  assert.equal(await edited('audit_gates', row, `UPDATE audit_gates SET label = 'a door'`), `row-altered ${named}`)
  assert.equal(await edited('audit_gates', row, 'UPDATE audit_gates SET mac = zeroblob(32)'), 'ok', 'only who holds the key can tell')
  assert.equal(await edited('audit_gates', row, 'UPDATE audit_gates SET mac = zeroblob(32)', { guard: room.guard }), `row-mac-differs ${named}`)
  assert.equal(await edited('row_heads', rowHead, 'UPDATE row_heads SET version = 2'), `head-differs ${named}`)
  assert.equal(await edited('row_heads', rowHead, `UPDATE row_heads SET digest = 'x'`), `head-differs ${named}`)
  assert.equal(await edited('row_heads', rowHead, 'DELETE FROM row_heads'), `head-differs ${named}`)
  assert.equal(await edited('audit_gates', row, 'DELETE FROM audit_gates'), `row-missing ${named}`)
  assert.equal(await findingOf(), 'ok')
})

test('a block of uses with a time that is none, or with anything but bytes, is named', () => {
  const block = { id: 'blk_1', environment_id: 'env_1', use_count: 3, from_ms: 0, to_ms: lastMs, sections: Buffer.from('[]') }
  assert.deepEqual(storedBlock(block), { id: 'blk_1', environment: 'env_1', uses: 3, from: toTimestamp(0), to: toTimestamp(lastMs), sections: block.sections })
  for (const change of [{ from_ms: 0.5 }, { from_ms: lastMs + 1 }, { to_ms: -lastMs - 1 }, { to_ms: '5' }, { sections: '[]' }, { sections: null }]) {
    assert.throws(() => storedBlock({ ...block, ...change } as typeof block), { code: 'block-malformed' }, JSON.stringify(change))
  }
})
