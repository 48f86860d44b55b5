import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import fc from 'fast-check'
import {
  CompactTree, decodeEntries, leafHash, parseTilePath, readHashFromTiles, rootHash, tilePath, verifyConsistency, verifyInclusion,
} from '@claviger/verifier'
import type { WorkspaceId } from '#core/base/id'
import { appendEntries, eventually, makeWorkspace, openRoom, temporaryDatabase, type AuditRoom } from './fixtures.ts'
import type { PublishedLog } from './log-reader.ts'
import type { AuditDatabase } from './tables.ts'

const size = 66_200
const database = temporaryDatabase()
let room: AuditRoom
let log: WorkspaceId
let published: PublishedLog
/** Roots at every size, worked out from the entries alone. */
const roots: Buffer[] = []
const leaves: Buffer[] = []

/** Built by the first test that needs it. */
const ready = (): Promise<void> => (built ??= build())
let built: Promise<void> | null = null

async function build(): Promise<void> {
  room = openRoom(await database.open())
  log = await makeWorkspace(room)
  for (const growth of [1, 299, 60_000, 5_900]) {
    await appendEntries(room.storage, log, growth)
    await room.publisher.publishNow(log)
  }
  const rows = await room.storage.reader<AuditDatabase>().selectFrom('entries').select('leaf').where('stream', '=', log).orderBy('idx').execute()
  const tree = new CompactTree()
  for (const { leaf } of rows) {
    roots.push(tree.root())
    leaves.push(Buffer.from(leaf))
    tree.append(leafHash(leaf))
  }
  roots.push(tree.root())
  const opened = await room.reader.open(log)
  assert.ok(opened !== null)
  published = opened
}

after(async () => {
  if (built !== null) await room.storage.close()
  database.remove()
})

const rootAt = (at: number): Buffer => roots[at] as Buffer
const anySize = fc.oneof(fc.integer({ min: 1, max: size }), fc.constantFrom(1, 2, 255, 256, 257, 65_535, 65_536, 65_537, size - 1, size))

test('any entry is proven in any tree that has it, and the proof verifies against the root of the entries', async () => {
  await ready()
  await fc.assert(fc.asyncProperty(anySize, fc.nat(), async (wanted, seed) => {
    const index = seed % wanted
    const { proof, root, leafHash: leaf } = await published.inclusion(index, wanted)
    assert.deepEqual([root, leaf], [rootAt(wanted), leafHash(leaves[index] as Buffer)])
    assert.ok(verifyInclusion({ leafHash: leaf, index, size: wanted, proof, root }))
  }), { numRuns: 300 })
})

test('any tree is proven to be the beginning of any later one', async () => {
  await ready()
  await fc.assert(fc.asyncProperty(anySize, anySize, async (one, other) => {
    const [from, to] = [Math.min(one, other), Math.max(one, other)]
    const { proof, fromRoot, toRoot } = await published.consistency(from, to)
    assert.deepEqual([fromRoot, toRoot], [rootAt(from), rootAt(to)])
    assert.ok(verifyConsistency({ oldSize: from, oldRoot: fromRoot, size: to, root: toRoot, proof }))
  }), { numRuns: 300 })
})

test('a reader that knows nothing but tiles finds the root that the checkpoint signs, at any size', async () => {
  await ready()
  for (const wanted of [1, 300, 512, 65_536, 65_792, size]) {
    const read = readHashFromTiles(wanted, async (level, index, width) => {
      const path = parseTilePath(tilePath({ level, index, width }))
      const tile = path === null ? null : await published.tile(path)
      assert.ok(tile !== null && tile.length === width * 32)
      return tile
    })
    assert.deepEqual(await rootHash(wanted, read), rootAt(wanted), `size ${wanted}`)
  }
  assert.deepEqual(published.root, rootAt(size))
})

test('bundles hold the entries as they stand, full and partial', async () => {
  await ready()
  const bundleOf = async (path: string) => published.tile(parseTilePath(path) ?? assert.fail(path))
  assert.deepEqual(decodeEntries((await bundleOf('tile/entries/001')) ?? Buffer.alloc(0), 256), leaves.slice(256, 512))
  assert.deepEqual(decodeEntries((await bundleOf('tile/entries/258.p/152')) ?? Buffer.alloc(0), 152), leaves.slice(66_048))
  assert.deepEqual(decodeEntries((await bundleOf('tile/entries/258.p/7')) ?? Buffer.alloc(0), 7), leaves.slice(66_048, 66_055))
})

test('tiles beyond the checkpoint do not exist, also when there are entries for them', async () => {
  await ready()
  const storage = room.storage
  await appendEntries(storage, log, 300)
  const reopened = await room.reader.open(log)
  for (const path of ['tile/0/258', 'tile/0/258.p/153', 'tile/0/259.p/1', 'tile/1/001.p/3', 'tile/2/000.p/2', 'tile/3/000.p/1', 'tile/entries/258', 'tile/entries/258.p/153', 'tile/0/x999/999']) {
    const parsed = parseTilePath(path)
    assert.ok(parsed !== null, path)
    assert.equal(await reopened?.tile(parsed), null, path)
  }
})

test('one query brings all the tiles that a proof needs, and none when they are in memory', async () => {
  await ready()
  let queries = 0
  const storage = {
    ...room.storage,
    reader: <Tables>() => {
      queries++
      return room.storage.reader<Tables>()
    },
  }
  const fresh = await openRoom(storage).reader.open(log)
  queries = 0
  await fresh?.inclusion(12_345, size)
  const cold = queries
  await fresh?.inclusion(12_400, size)
  await fresh?.consistency(12_400, size)
  assert.deepEqual([cold, queries], [1, 1])
})

test('a damaged tile yields no proof and no wrong one, and the log says that it is damaged', async () => {
  const copy = temporaryDatabase()
  const small = openRoom(await copy.open())
  try {
    const id = await makeWorkspace(small)
    await appendEntries(small.storage, id, 600)
    await small.publisher.publishNow(id)
    const stranger = new DatabaseSync(copy.path)
    stranger.exec(`CREATE TABLE kept AS SELECT * FROM log_tiles; UPDATE log_tiles SET hashes = zeroblob(8192) WHERE id LIKE '%/0/1'`)
    const opened = await small.reader.open(id)
    await assert.rejects(async () => opened?.inclusion(300, 600), { code: 'audit/log-damaged' })
    assert.equal((await opened?.inclusion(10, 600))?.proof.length, 10)
    stranger.exec(`DELETE FROM log_tiles; INSERT INTO log_tiles SELECT * FROM kept`)
    await eventually(async () => (await opened?.inclusion(300, 600).catch(() => null)) !== null, 'repaired')
    stranger.exec(`DELETE FROM log_tiles`)
    const again = await openRoom(small.storage).reader.open(id)
    await assert.rejects(async () => again?.inclusion(300, 600), { code: 'audit/log-damaged' })
    await assert.rejects(async () => again?.tile({ kind: 'hashes', level: 0, index: 0, width: 256 }), { code: 'audit/log-damaged' })
    stranger.exec(`DELETE FROM entries WHERE idx = 5`)
    await assert.rejects(async () => again?.tile({ kind: 'entries', level: 0, index: 0, width: 256 }), { code: 'audit/log-damaged' })
    stranger.exec(`UPDATE log_heads SET edge = zeroblob(length(edge)), version = 9`)
    stranger.close()
    await assert.rejects(small.reader.open(id), { code: 'audit/log-damaged' })
  } finally {
    await small.storage.close()
    copy.remove()
  }
})

test('an entry that is not the one in the tree is not proven', async () => {
  await ready()
  await assert.rejects(published.inclusion(5, size, Buffer.from('another')), { code: 'audit/log-damaged' })
  assert.ok((await published.inclusion(5, size, leaves[5])).proof.length > 0)
})
