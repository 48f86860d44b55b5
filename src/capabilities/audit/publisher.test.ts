import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, test } from 'node:test'
import { CompactTree, leafHash, openNote, parseCheckpoint, verifyConsistency, type Checkpoint } from '@claviger/verifier'
import { Fault } from '#core/base/fault'
import { emptyCommit, type Commit, type RowWrite } from '#core/storage/commit'
import { storageFaults } from '#core/storage/faults'
import type { Storage } from '#core/storage/storage'
import { tables, type RowBase } from '#core/storage/table'
import { appendEntries, eventually, makeWorkspace, oldHeadTable, openMemory, openRoom, temporaryDatabase, type AuditRoom } from './fixtures.ts'
import { checkpointId, headTable, type AuditDatabase, type HeadRow } from './tables.ts'

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function memoryRoom(): Promise<AuditRoom> {
  const storage = await openMemory()
  closers.push(() => storage.close())
  return openRoom(storage)
}

const leavesOf = async (storage: Storage, log: string): Promise<Uint8Array[]> =>
  (await storage.reader<AuditDatabase>().selectFrom('entries').select('leaf').where('stream', '=', log).orderBy('idx').execute()).map((row) => row.leaf)

/** The root over the entries themselves, worked out without any tile. */
async function rootOver(storage: Storage, log: string, size: number): Promise<Buffer> {
  const tree = new CompactTree()
  for (const leaf of (await leavesOf(storage, log)).slice(0, size)) tree.append(leafHash(leaf))
  return tree.root()
}

async function checkpointsOf(room: AuditRoom, log: string): Promise<Checkpoint[]> {
  const vkeys = (await room.keys.verifierKeys(log)).map((key) => key.verifierKey)
  const rows = await room.reader.checkpoints(log, Number.MAX_SAFE_INTEGER, 1_000)
  return [...rows].reverse().map(({ checkpoint }) => {
    const opened = openNote(checkpoint, vkeys)
    assert.deepEqual(opened?.verified, vkeys)
    return parseCheckpoint(opened.body) as Checkpoint
  })
}

test('a log that grew gets a checkpoint over exactly its entries, signed by both keys, by itself', async () => {
  const room = await memoryRoom()
  const log = await makeWorkspace(room)
  room.publisher.start()
  await appendEntries(room.storage, log, 3)
  await eventually(async () => (await room.reader.open(log))?.size === 3, 'a checkpoint of size 3')
  const [checkpoint] = await checkpointsOf(room, log)
  assert.equal(checkpoint?.origin, `claviger/${log}`)
  assert.deepEqual(checkpoint.root, await rootOver(room.storage, log, 3))
  await room.publisher.stop()
})

test('what was published while nobody followed is caught up with at the start, for every log', async () => {
  const room = await memoryRoom()
  const logs = [await makeWorkspace(room), await makeWorkspace(room), await makeWorkspace(room)]
  for (const [at, log] of logs.entries()) await appendEntries(room.storage, log, 300 * (at + 1))
  room.publisher.start()
  for (const [at, log] of logs.entries()) {
    await eventually(async () => (await room.reader.open(log))?.size === 300 * (at + 1), 'all logs published')
  }
  await room.publisher.stop()
})

test('checkpoints only grow and are consistent, under concurrent writers and two publishers', async () => {
  const storage = await openMemory()
  closers.push(() => storage.close())
  const [one, two] = [openRoom(storage), openRoom(storage)]
  const log = await makeWorkspace(one)
  await Promise.all([
    ...Array.from({ length: 40 }, async (_, turn) => {
      await new Promise((resolve) => setTimeout(resolve, turn * 3))
      await appendEntries(storage, log, 37)
    }),
    ...Array.from({ length: 60 }, async (_, turn) => {
      await new Promise((resolve) => setTimeout(resolve, turn * 2))
      await (turn % 2 === 0 ? one : two).publisher.publishNow(log)
    }),
  ])
  await one.publisher.publishNow(log)
  const checkpoints = await checkpointsOf(one, log)
  assert.ok(checkpoints.length > 3, `${checkpoints.length} checkpoints`)
  assert.equal(checkpoints.at(-1)?.size, 40 * 37)
  const published = await one.reader.open(log)
  for (const [at, { size, root }] of checkpoints.entries()) {
    const next = checkpoints[at + 1]
    if (next === undefined) break
    assert.ok(next.size > size)
    const proof = await published?.consistency(size, next.size)
    assert.ok(verifyConsistency({ oldSize: size, oldRoot: root, size: next.size, root: next.root, proof: proof?.proof ?? [] }))
  }
  assert.deepEqual([...one.problems, ...two.problems], [])
})

test('a crash at any step leaves the log as it was or as it will be, and the next publisher catches up', async () => {
  for (const failAt of ['before the commit', 'after the commit'] as const) {
    const database = temporaryDatabase()
    closers.push(() => database.remove())
    const storage = await database.open()
    const room = openRoom(storage)
    const log = await makeWorkspace(room)
    await appendEntries(storage, log, 700)
    let failures = 0
    const failing: Storage = {
      ...storage,
      async commit(commit: Commit) {
        if (failures++ > 2) return storage.commit(commit)
        if (failAt === 'after the commit') await storage.commit(commit)
        throw storageFaults.unavailable('The database went away.')
      },
    }
    const crashing = openRoom(failing)
    for (let turn = 0; turn < 3; turn++) await crashing.publisher.publishNow(log).catch((error: unknown) => assert.ok(error instanceof Fault))
    await storage.close()
    const again = openRoom(await reopened(database))
    await appendEntries(again.storage, log, 10)
    await again.publisher.publishNow(log)
    const published = await again.reader.open(log)
    assert.equal(published?.size, 710, failAt)
    assert.deepEqual(published.root, await rootOver(again.storage, log, 710))
    await again.publisher.checkAll()
    assert.deepEqual(again.problems, [])
  }
})

test('a publisher whose commit was refused goes on from the head that is stored, and leaves no tile out', async () => {
  const storage = await openMemory()
  closers.push(() => storage.close())
  let refusals = 0
  const room = openRoom({
    ...storage,
    async commit(commit: Commit) {
      if (refusals === 0) return storage.commit(commit)
      refusals--
      throw storageFaults.unavailable('The database went away.')
    },
  })
  const log = await makeWorkspace(room)
  await appendEntries(storage, log, 200)
  await room.publisher.publishNow(log)
  await appendEntries(storage, log, 100)
  refusals = 1
  await assert.rejects(room.publisher.publishNow(log), Fault)
  await room.publisher.publishNow(log)
  const published = await room.reader.open(log)
  assert.equal(published?.size, 300)
  assert.deepEqual(published.root, await rootOver(storage, log, 300))
  await room.publisher.checkAll()
  assert.deepEqual(room.problems, [])
})

async function reopened(database: { open(): Promise<Storage> }): Promise<Storage> {
  const storage = await database.open()
  closers.push(() => storage.close())
  return storage
}

test('without the key process nothing is lost: entries wait, it says so once, and signs when it is back', async () => {
  const storage = await openMemory()
  closers.push(() => storage.close())
  const room = openRoom(storage)
  const log = await makeWorkspace(room)
  let away = true
  const keyProcess = {
    ...room.keyProcess,
    sign: (request: Parameters<typeof room.keyProcess.sign>[0]) => (away ? Promise.reject(new Error('gone')) : room.keyProcess.sign(request)),
  }
  const stuck = openRoom(storage, { keyProcess })
  stuck.publisher.start()
  await appendEntries(storage, log, 5)
  await eventually(() => stuck.publisher.delayedCount() === 1, 'the log is delayed')
  assert.deepEqual(stuck.problems.map((problem) => problem.kind), ['delayed'])
  assert.equal(await stuck.reader.open(log), null)
  away = false
  await eventually(async () => (await stuck.reader.open(log))?.size === 5, 'published after all')
  assert.deepEqual(stuck.problems.map((problem) => problem.kind), ['delayed', 'recovered'])
  await stuck.publisher.stop()
})

/** Of these, one for each way of noticing: by the check in the background, and by the next publication. */
const whileRunning = new Set(['a full tile is altered', 'the edge is altered', 'a covered entry at the end is gone', 'head and checkpoint are put back to an older state'])

const tamperings: readonly { readonly what: string; readonly sql: (log: string) => string; readonly reason: RegExp }[] = [
  { what: 'a full tile is altered', sql: (log) => `UPDATE log_tiles SET hashes = zeroblob(8192) WHERE id = '${log}/0/1'`, reason: /tile 0\/1/ },
  { what: 'a tile is gone', sql: (log) => `DELETE FROM log_tiles WHERE id = '${log}/0/0'`, reason: /tile 0\/0/ },
  { what: 'the edge is altered', sql: (log) => `UPDATE log_heads SET edge = zeroblob(length(edge)) WHERE id = '${log}'`, reason: /root/ },
  { what: 'the size is altered', sql: (log) => `UPDATE log_heads SET size = 700 WHERE id = '${log}'`, reason: /head/ },
  { what: 'the checkpoint is altered', sql: (log) => `UPDATE log_heads SET checkpoint = replace(checkpoint, '600', '601') WHERE id = '${log}'`, reason: /signed/ },
  { what: 'the checkpoint is of another log', sql: (log) => `UPDATE log_heads SET checkpoint = (SELECT checkpoint FROM log_heads WHERE id <> '${log}') WHERE id = '${log}'`, reason: /signed/ },
  { what: 'the head is gone', sql: (log) => `DELETE FROM log_heads WHERE id = '${log}'`, reason: /head is gone/ },
  { what: 'a kept checkpoint is altered', sql: (log) => `UPDATE log_checkpoints SET checkpoint = replace(checkpoint, 'claviger', 'clavigor') WHERE id LIKE '${log}/%0300'`, reason: /size 300/ },
  { what: 'a covered entry at the end is gone', sql: (log) => `DELETE FROM entries WHERE stream = '${log}' AND idx >= 590`, reason: /entries/ },
  {
    what: 'head and checkpoint are put back to an older state',
    sql: (log) => `UPDATE log_heads SET (size, checkpoint, edge) = (SELECT size, checkpoint, edge FROM audit_old_heads WHERE id = '${log}') WHERE id = '${log}'`,
    reason: /went back/,
  },
]

for (const { what, sql, reason } of tamperings) {
  test(`when ${what} while the server is down, that log is not signed for any more, loudly, and the others go on`, async () => {
    const database = temporaryDatabase()
    closers.push(() => database.remove())
    const first = await database.open()
    const { log, other } = await twoLogs(openRoom(first))
    await first.close()
    const stranger = new DatabaseSync(database.path)
    stranger.exec(sql(log))
    stranger.close()
    const room = openRoom(await reopened(database))
    await room.publisher.checkAll()
    for (const id of [log, other]) await appendEntries(room.storage, id, 1)
    await assert.rejects(room.publisher.publishNow(log), { code: 'audit/log-damaged' })
    await room.publisher.publishNow(other)
    assert.deepEqual(room.problems.map((problem) => [problem.kind, problem.workspaceId]), [['refused', log]])
    assert.match(room.publisher.problems.get(log) ?? '', reason)
    assert.equal((await room.reader.open(other))?.size, 601)
    const signed = await room.storage.reader<AuditDatabase>().selectFrom('log_checkpoints').select('size').where('id', 'like', `${log}/%`).execute()
    assert.deepEqual(signed.map(({ size }) => size).filter((size) => size > 600), [])
  })
}

for (const { what, sql, reason } of tamperings.filter(({ what }) => whileRunning.has(what))) {
  test(`when ${what} while it runs, that is noticed by itself`, async () => {
    const database = temporaryDatabase()
    closers.push(() => database.remove())
    const room = openRoom(await reopened(database))
    const { log, other } = await twoLogs(room)
    room.publisher.start()
    const stranger = new DatabaseSync(database.path)
    stranger.exec(sql(log))
    stranger.close()
    await eventually(() => room.problems.length > 0, 'it is told of')
    for (const id of [log, other]) await appendEntries(room.storage, id, 1)
    await eventually(async () => (await room.publisher.publishNow(other), (await room.reader.open(other))?.size === 601), 'the other goes on')
    assert.deepEqual(room.problems.map((problem) => [problem.kind, problem.workspaceId]), [['refused', log]])
    assert.match(room.publisher.problems.get(log) ?? '', reason)
    await room.publisher.stop()
  })
}

/** Two logs of 600 entries with a checkpoint at 300, and a copy of their heads then. */
async function twoLogs(room: AuditRoom): Promise<{ log: string; other: string }> {
  const [log, other] = [await makeWorkspace(room), await makeWorkspace(room)]
  for (const round of [1, 2]) {
    for (const id of [log, other]) await appendEntries(room.storage, id, 300)
    for (const id of [log, other]) await room.publisher.publishNow(id)
    if (round === 2) break
    const heads = await room.storage.reader<AuditDatabase>().selectFrom('log_heads').selectAll().execute()
    const copy = (row: HeadRow): RowWrite => ({ kind: 'insert', table: oldHeadTable, row: { ...row, version: 1 } })
    await room.storage.commit({ ...emptyCommit, writes: heads.map(copy) })
  }
  return { log, other }
}

test('a log that is repaired is signed for again', async () => {
  const database = temporaryDatabase()
  closers.push(() => database.remove())
  const room = openRoom(await reopened(database))
  const log = await makeWorkspace(room)
  await appendEntries(room.storage, log, 600)
  await room.publisher.publishNow(log)
  room.publisher.start()
  const stranger = new DatabaseSync(database.path)
  stranger.exec(`CREATE TABLE kept AS SELECT * FROM log_tiles; UPDATE log_tiles SET hashes = zeroblob(8192)`)
  await eventually(() => room.publisher.problems.size === 1, 'refused')
  stranger.exec('DELETE FROM log_tiles; INSERT INTO log_tiles SELECT * FROM kept')
  stranger.close()
  await eventually(() => room.publisher.problems.size === 0, 'recovered')
  await appendEntries(room.storage, log, 1)
  await eventually(async () => (await room.reader.open(log))?.size === 601, 'published')
  assert.deepEqual(room.problems.map((problem) => problem.kind), ['refused', 'recovered'])
  await room.publisher.stop()
})

test('a head that a stranger replaced by another history is refused, although its signature is good', async () => {
  const storage = await openMemory()
  closers.push(() => storage.close())
  const room = openRoom(storage)
  const log = await makeWorkspace(room)
  await appendEntries(storage, log, 40)
  await room.publisher.publishNow(log)
  // A second instance with the same keys and another history of the same log: a stolen key process, say.
  const elsewhere = await openMemory()
  closers.push(() => elsewhere.close())
  const keyring = await storage.reader<{ keyring: RowBase }>().selectFrom('keyring').selectAll().execute()
  const thief = openRoom(elsewhere)
  const table = tables.get('keyring')
  assert.ok(table !== undefined)
  await elsewhere.commit({ ...emptyCommit, writes: keyring.map((row) => ({ kind: 'insert', table, row })) })
  await appendEntries(elsewhere, log, 90, 'another')
  await thief.publisher.publishNow(log)
  const forged = await elsewhere.reader<AuditDatabase>().selectFrom('log_heads').selectAll().executeTakeFirstOrThrow()
  const row: HeadRow = { ...forged, version: 2 }
  await storage.commit({ ...emptyCommit, writes: [{ kind: 'update', table: headTable, row }] })
  await appendEntries(storage, log, 60)
  await assert.rejects(room.publisher.publishNow(log), { code: 'audit/log-damaged' })
  assert.match(room.publisher.problems.get(log) ?? '', /not consistent/)
})

test('a kept checkpoint that the keys signed over another tree is found out', async () => {
  const database = temporaryDatabase()
  closers.push(() => database.remove())
  const room = openRoom(await reopened(database))
  const { log } = await twoLogs(room)
  const forged = await room.keys.sign(log, { size: 300, root: Buffer.alloc(32, 1) }, 0)
  const stranger = new DatabaseSync(database.path)
  stranger.prepare(`UPDATE log_checkpoints SET checkpoint = ? WHERE id = ?`).run(forged, checkpointId(log, 300))
  stranger.close()
  await room.publisher.checkAll()
  assert.match(room.publisher.problems.get(log) ?? '', /size 300/)
})

test('the newest 64 checkpoints are kept, and of the older ones the first of each hour', async () => {
  let nowMs = Date.UTC(2030, 0, 1)
  const storage = await openMemory()
  closers.push(() => storage.close())
  const room = openRoom(storage, { wallMs: () => nowMs })
  const log = await makeWorkspace(room)
  for (let minute = 0; minute < 100; minute++) {
    await appendEntries(storage, log, 1)
    await room.publisher.publishNow(log)
    nowMs += 10 * 60_000
  }
  const sizes = (await checkpointsOf(room, log)).map(({ size }) => size)
  assert.deepEqual(sizes, [1, 7, 13, 19, 25, 31, ...Array.from({ length: 64 }, (_, at) => 37 + at)])
})

test('an entry that is missing before it was covered is noticed, and so is a tile that no head has come to', async () => {
  const database = temporaryDatabase()
  closers.push(() => database.remove())
  const room = openRoom(await reopened(database))
  const [gap, beyond] = [await makeWorkspace(room), await makeWorkspace(room)]
  for (const log of [gap, beyond]) await appendEntries(room.storage, log, 200)
  for (const log of [gap, beyond]) await room.publisher.publishNow(log)
  for (const log of [gap, beyond]) await appendEntries(room.storage, log, 100)
  const stranger = new DatabaseSync(database.path)
  stranger.exec(`DELETE FROM entries WHERE stream = '${gap}' AND idx = 250`)
  stranger.exec(`INSERT INTO log_tiles VALUES ('${beyond}/0/0', 1, zeroblob(8192))`)
  stranger.close()
  for (const log of [gap, beyond]) await assert.rejects(room.publisher.publishNow(log), { code: 'audit/log-damaged' })
  assert.match(room.publisher.problems.get(gap) ?? '', /entry 250 is missing/)
  assert.match(room.publisher.problems.get(beyond) ?? '', /beyond its head/)
})

test('stopping publishes what is there', async () => {
  const room = await memoryRoom()
  const log = await makeWorkspace(room)
  room.publisher.start()
  await appendEntries(room.storage, log, 7)
  await room.publisher.stop()
  assert.equal((await room.reader.open(log))?.size, 7)
})
