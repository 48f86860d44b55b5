/** Long logs; the quick ones are in `publisher.test.ts`. */
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { CompactTree, leafHash } from '@claviger/verifier'
import type { Storage } from '#core/storage/storage'
import { appendEntries, makeWorkspace, openMemory, openRoom } from './fixtures.ts'
import type { AuditDatabase } from './tables.ts'

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** The root over the entries themselves, worked out without any tile. */
async function rootOver(storage: Storage, log: string, size: number): Promise<Buffer> {
  const rows = await storage.reader<AuditDatabase>().selectFrom('entries').select('leaf').where('stream', '=', log).orderBy('idx').limit(size).execute()
  const tree = new CompactTree()
  for (const { leaf } of rows) tree.append(leafHash(leaf))
  return tree.root()
}

test('at every size the tree is that of the entries, across tiles of two levels', async () => {
  const storage = await openMemory()
  closers.push(() => storage.close())
  const room = openRoom(storage)
  const log = await makeWorkspace(room)
  let size = 0
  for (const growth of [1, 1, 253, 1, 1, 255, 1, 2_000, 60_000, 4_000]) {
    await appendEntries(room.storage, log, growth)
    await room.publisher.publishNow(log)
    size += growth
    const published = await room.reader.open(log)
    assert.equal(published?.size, size)
    assert.deepEqual(published.root, await rootOver(room.storage, log, size), `size ${size}`)
  }
  const tiles = await room.storage.reader<AuditDatabase>().selectFrom('log_tiles').select('id').execute()
  assert.equal(tiles.length, Math.floor(size / 256) + Math.floor(size / 65_536))
  await room.publisher.checkAll()
  assert.deepEqual(room.problems, [])
})

test('a hundred thousand entries are published in bounded steps, each a checkpoint of its own', async () => {
  const storage = await openMemory()
  closers.push(() => storage.close())
  const sizes: number[] = []
  const watched: Storage = {
    ...storage,
    commit(commit) {
      sizes.push(commit.writes.length)
      return storage.commit(commit)
    },
  }
  const room = openRoom(watched)
  const log = await makeWorkspace(room)
  await appendEntries(storage, log, 100_000)
  sizes.length = 0
  await room.publisher.publishNow(log)
  assert.equal((await room.reader.open(log))?.size, 100_000)
  assert.deepEqual(sizes, [66, 66, 66, 67, 66, 66, 8])
})
