import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CompactTree, leafHash, rootHash } from '@claviger/verifier'
import { emptyCommit } from '#core/storage/commit'
import { appendEntries, makeWorkspace, openMemory, openRoom, type AuditRoom } from './fixtures.ts'
import { checkHead, edgeTrees, isSameHead, LogDisagrees, readHead, readNewestHead, requireEntries, viewTree } from './log-head.ts'
import { headTable, tileId, tileTable, type AuditDatabase, type HeadRow, type TileRow } from './tables.ts'
import { createTileStore } from './tile-store.ts'

interface Published {
  readonly room: AuditRoom
  readonly log: string
  /** The heads at two checkpoints. */
  readonly older: HeadRow
  readonly newer: HeadRow
}

async function published(): Promise<Published> {
  const room = openRoom(await openMemory())
  const log = await makeWorkspace(room)
  const heads: HeadRow[] = []
  for (const more of [300, 10]) {
    await appendEntries(room.storage, log, more)
    await room.publisher.publishNow(log)
    heads.push((await readHead(room.storage, log))!)
  }
  return { room, log, older: heads[0]!, newer: heads[1]! }
}

const says = (reason: RegExp) => (error: unknown): boolean => error instanceof LogDisagrees && reason.test(error.reason)

test('a head is another one when anything of it differs that is gone on from', async () => {
  const { room, newer } = await published()
  assert.equal(isSameHead(newer, { ...newer, edge: Uint8Array.from(newer.edge) }), true)
  const changes: Partial<HeadRow>[] = [{ version: 9 }, { size: 311 }, { checkpoint: `${newer.checkpoint} ` }, { edge: newer.edge.subarray(1) }, { edge: Buffer.alloc(newer.edge.length) }]
  for (const change of changes) assert.equal(isSameHead(newer, { ...newer, ...change }), false, Object.keys(change).join())
  await room.storage.close()
})

test('a head is gone on from only where its checkpoint is signed, of its size, and has the root of its edge', async () => {
  const { room, log, older, newer } = await published()
  const { row, root, edge } = await checkHead(room.keys, newer)
  assert.deepEqual([row, edge.size, edge.root()], [newer, 310, root])
  const other = await makeWorkspace(room)
  const wrong: readonly (readonly [Partial<HeadRow>, RegExp])[] = [
    [{ checkpoint: newer.checkpoint.replace('\n310\n', '\n311\n') }, /not signed/],
    [{ checkpoint: await room.keys.sign(other, { size: 310, root }, 0) }, /not signed/],
    [{ checkpoint: older.checkpoint }, /does not fit/],
    [{ size: older.size, edge: older.edge }, /does not fit/],
    [{ size: older.size }, /does not fit/],
    [{ edge: older.edge }, /does not fit/],
    [{ edge: newer.edge.subarray(1) }, /does not fit/],
    [{ edge: Buffer.alloc(newer.edge.length) }, /does not have the root/],
    [{ checkpoint: await room.keys.sign(log, { size: 310, root: Buffer.alloc(32) }, 0) }, /does not have the root/],
  ]
  for (const [change, reason] of wrong) await assert.rejects(checkHead(room.keys, { ...newer, ...change }), says(reason))
  await room.storage.close()
})

test('a head that is gone, or lies behind a checkpoint that is kept, is not gone on from', async () => {
  const { room, log, older, newer } = await published()
  assert.deepEqual(await readNewestHead(room.storage, log), newer)
  assert.equal(await readNewestHead(room.storage, await makeWorkspace(room)), null, 'a log without a checkpoint has none')
  await room.storage.commit({ ...emptyCommit, writes: [{ kind: 'update', table: headTable, row: { ...older, version: newer.version + 1 } }] })
  await assert.rejects(readNewestHead(room.storage, log), says(/went back/))
  await room.storage.commit({ ...emptyCommit, writes: [{ kind: 'delete', table: headTable, id: log, version: newer.version + 2 }] })
  await assert.rejects(readNewestHead(room.storage, log), says(/is gone/))
  await room.storage.close()
})

test('a log that is shorter than its head says is not gone on from', async () => {
  const { room, newer } = await published()
  await requireEntries(room.storage, newer)
  await requireEntries(room.storage, { ...newer, size: 309 })
  await assert.rejects(requireEntries(room.storage, { ...newer, size: 311 }), says(/gone/))
  await room.storage.close()
})

test('hashes are read from full tiles and from the edge, prepared or not, and a tile that is gone or damaged is named', async () => {
  const { room, log, newer } = await published()
  const { edge, root } = await checkHead(room.keys, newer)
  const tree = new CompactTree()
  const leaves = await room.storage.reader<AuditDatabase>().selectFrom('entries').select('leaf').where('stream', '=', log).orderBy('idx').execute()
  for (const { leaf } of leaves) tree.append(leafHash(leaf))
  assert.deepEqual(tree.root(), root)
  const view = () => viewTree(createTileStore(room.storage), log, newer.size, edgeTrees(edge))
  for (const prepared of [[], [0], [0, 255, 256, 309]]) {
    const { prepare, readHash } = view()
    await prepare(prepared)
    for (const index of [0, 255, 256, 309]) assert.deepEqual(Buffer.from(await readHash(0, index)), leafHash(leaves[index]!.leaf), `${index}`)
    assert.deepEqual(await rootHash(newer.size, readHash), root)
  }
  const id = tileId(log, 0, 0)
  const read = async () => view().readHash(0, 7)
  const damaged: TileRow = { id, version: 2, hashes: Buffer.alloc(31) }
  await room.storage.commit({ ...emptyCommit, writes: [{ kind: 'update', table: tileTable, row: damaged }] })
  await assert.rejects(read, says(/tile 0\/0 is missing or damaged/))
  await room.storage.commit({ ...emptyCommit, writes: [{ kind: 'delete', table: tileTable, id, version: 3 }] })
  await assert.rejects(read, says(/tile 0\/0 is missing or damaged/))
  assert.deepEqual(Buffer.from(await view().readHash(0, 256)), leafHash(leaves[256]!.leaf), 'the edge is there')
  await room.storage.close()
})
