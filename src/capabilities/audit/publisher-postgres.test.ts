/** The publisher on PostgreSQL, where several servers publish the same logs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CompactTree, leafHash, verifyConsistency } from '@claviger/verifier'
import { newId } from '#core/base/id'
import { systemRandom } from '#core/crypto/random'
import { emptyCommit } from '#core/storage/commit'
import { openPostgres } from '#core/storage/postgres/open-postgres'
import type { Storage } from '#core/storage/storage'
import { startPostgres } from '../../../tests/support/postgres.ts'
import { appendEntries, auditMigrations, callerOf, changeOf, eventually, makeWorkspace, openRoom, type AuditRoom } from './fixtures.ts'
import { requireEntry } from './find.ts'
import { headTable, type AuditDatabase, type HeadRow } from './tables.ts'

const postgres = await startPostgres()
const skip = 'skip' in postgres ? postgres.skip : false

async function withRooms(count: number, run: (rooms: readonly AuditRoom[]) => Promise<void>): Promise<void> {
  if ('skip' in postgres) throw new Error(postgres.skip)
  const database = await postgres.createDatabase()
  const storages: Storage[] = []
  try {
    for (let server = 0; server < count; server++) {
      storages.push(await openPostgres({ connectionString: database.url, migrations: auditMigrations, poolSize: 4 }))
    }
    await run(storages.map((storage) => openRoom(storage)))
  } finally {
    for (const storage of storages) await storage.close()
    await database.drop()
  }
}

const sizeOf = async ({ reader }: AuditRoom, log: string): Promise<number> => (await reader.open(log))?.size ?? 0

test('two servers that publish the same logs make one history, whose checkpoints only grow and are consistent', { skip }, () =>
  withRooms(2, async (rooms) => {
    const [one, two] = rooms as [AuditRoom, AuditRoom]
    const logs = [await makeWorkspace(one), await makeWorkspace(one)]
    for (const room of rooms) room.publisher.start()
    await Promise.all(Array.from({ length: 30 }, async (_, turn) => {
      await new Promise((resolve) => setTimeout(resolve, turn * 20))
      const room = turn % 2 === 0 ? one : two
      for (const log of logs) await appendEntries(room.storage, log, 21)
      await (turn % 3 === 0 ? two : one).publisher.publishNow(logs[0] as string)
    }))
    for (const log of logs) {
      await eventually(async () => (await sizeOf(one, log)) === 630, 'everything is published')
      const published = (await two.reader.open(log)) ?? assert.fail('published')
      const rows = await one.storage.reader<AuditDatabase>().selectFrom('entries').select('leaf').where('stream', '=', log).orderBy('idx').execute()
      const tree = new CompactTree()
      for (const { leaf } of rows) tree.append(leafHash(leaf))
      assert.deepEqual(published.root, tree.root())
      const checkpoints = [...(await one.reader.checkpoints(log, Number.MAX_SAFE_INTEGER, 1_000))].reverse()
      for (const [at, { size, checkpoint }] of checkpoints.entries()) {
        const [opened, next] = [await two.keys.open(log, checkpoint), checkpoints[at + 1]]
        assert.equal(opened?.size, size)
        if (next === undefined) break
        const { proof, toRoot } = await published.consistency(size, next.size)
        assert.ok(next.size > size && verifyConsistency({ oldSize: size, oldRoot: opened.root, size: next.size, root: toRoot, proof }))
        assert.deepEqual((await two.keys.open(log, next.checkpoint))?.root, toRoot)
      }
    }
    for (const room of rooms) await room.publisher.checkAll()
    assert.deepEqual(rooms.flatMap((room) => room.problems), [])
    for (const room of rooms) await room.publisher.stop()
  }))

test('what a server leaves behind, another publishes', { skip }, () =>
  withRooms(2, async (rooms) => {
    const [dead, alive] = rooms as [AuditRoom, AuditRoom]
    const log = await makeWorkspace(dead)
    alive.publisher.start()
    await appendEntries(dead.storage, log, 400)
    await eventually(async () => (await sizeOf(alive, log)) === 400, 'published by the other')
    await alive.publisher.stop()
  }))

test('a tampered head stops signing for that log only', { skip }, () =>
  withRooms(2, async (rooms) => {
    const [one, two] = rooms as [AuditRoom, AuditRoom]
    const [log, other] = [await makeWorkspace(one), await makeWorkspace(one)]
    for (const id of [log, other]) await appendEntries(one.storage, id, 300)
    for (const id of [log, other]) await eventually(async () => (await one.publisher.publishNow(id), (await sizeOf(one, id)) === 300), 'published')
    const head = await one.storage.reader<AuditDatabase>().selectFrom('log_heads').selectAll().where('id', '=', log).executeTakeFirstOrThrow()
    const row: HeadRow = { ...head, version: head.version + 1, edge: Buffer.alloc(head.edge.length) }
    await one.storage.commit({ ...emptyCommit, writes: [{ kind: 'update', table: headTable, row }] })
    for (const room of rooms) room.publisher.start()
    for (const id of [log, other]) await appendEntries(two.storage, id, 1)
    await eventually(async () => (await sizeOf(one, other)) === 301, 'the other goes on')
    for (const room of rooms) {
      await eventually(() => room.publisher.problems.size === 1, 'both servers refuse')
      assert.match(room.publisher.problems.get(log) ?? '', /root/)
      await room.publisher.stop()
    }
  }))

test('an entry is found by its id as soon as its write was acknowledged, before the sequencer came by', { skip }, () =>
  withRooms(1, async (rooms) => {
    const room = rooms[0] as AuditRoom
    const log = await makeWorkspace(room)
    for (let turn = 0; turn < 10; turn++) {
      const { entryId } = await room.recorder.recordChanges([changeOf(log)])
      assert.equal((await requireEntry(room, callerOf(log), entryId)).entry.id, entryId)
    }
    await assert.rejects(requireEntry(room, callerOf(log), newId('ent', systemRandom)), { code: 'audit/not-found' })
  }))
