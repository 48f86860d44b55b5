/**
 * The whole check of one stored log: every tile against the tile above it, up to the root that was signed, and every
 * checkpoint that is kept against its signatures and the tree.
 *
 * Invariant A4: a log of which this finds anything wrong is not signed for.
 *
 * That the entries are those which were hashed is for `claviger audit verify` to check: it reads them all.
 *
 * @module
 */
import { rootHash } from '@claviger/verifier'
import type { Storage } from '#core/storage/storage'
import { checkHead, edgeTrees, LogDisagrees, readNewestHead, requireEntries, viewTree, type CheckedHead } from './log-head.ts'
import type { LogKeys } from './log-keys.ts'
import { checkpointRange, tileId, type AuditDatabase } from './tables.ts'
import { TileTree, type TileStore } from './tile-store.ts'
import { fullTilesOf, levelsOf, tileLength } from './tree-edge.ts'

/** Tiles between two turns of the event loop: about 2 ms. */
const tilesPerTurn = 8
const checkpointsPerRead = 16

export interface CheckServices {
  readonly storage: Storage
  readonly keys: LogKeys
  readonly tiles: TileStore
}

/**
 * @param isStopping asked now and then; true ends the check early
 * @throws LogDisagrees with the first thing that is wrong
 */
export async function checkLog(services: CheckServices, workspaceId: string, isStopping: () => boolean): Promise<void> {
  const row = await readNewestHead(services.storage, workspaceId)
  if (row === null) return
  const head = await checkHead(services.keys, row)
  await requireEntries(services.storage, row)
  await checkTiles(services, head, isStopping)
  await checkCheckpoints(services, head, isStopping)
}

/** From the top down, so that a tile is compared with one that was checked before. */
async function checkTiles({ storage, tiles }: CheckServices, { row, edge }: CheckedHead, isStopping: () => boolean): Promise<void> {
  const view = viewTree(tiles, row.id, row.size, edgeTrees(edge))
  for (let level = levelsOf(row.size) - 1; level >= 0; level--) {
    const count = fullTilesOf(row.size, level)
    for (let index = 0; index < count; index += tilesPerTurn) {
      if (isStopping()) return
      const ids = Array.from({ length: Math.min(tilesPerTurn, count - index) }, (_, at) => tileId(row.id, level, index + at))
      const found = await storage.reader<AuditDatabase>().selectFrom('log_tiles').select(['id', 'hashes']).where('id', 'in', ids).execute()
      const hashesOf = new Map(found.map((tile) => [tile.id, tile.hashes]))
      for (const [at, id] of ids.entries()) {
        const root = rootOf(hashesOf.get(id))
        const expected = await view.readHash(8 * (level + 1), index + at)
        if (root === null || Buffer.compare(root, expected) !== 0) throw new LogDisagrees(row.id, `its tile ${level}/${index + at} is missing or damaged`)
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

const rootOf = (hashes: Uint8Array | undefined): Uint8Array | null => (hashes?.length === tileLength ? new TileTree(hashes).node(8, 0) : null)

async function checkCheckpoints({ storage, keys, tiles }: CheckServices, { row, edge }: CheckedHead, isStopping: () => boolean): Promise<void> {
  const [first, before] = checkpointRange(row.id)
  for (let after = first; !isStopping(); ) {
    const rows = await storage.reader<AuditDatabase>().selectFrom('log_checkpoints').selectAll()
      .where('id', '>', after).where('id', '<', before).where('size', '<=', row.size).orderBy('id').limit(checkpointsPerRead).execute()
    // A view keeps what it has loaded: one for all would hold tiles of the whole log.
    const view = viewTree(tiles, row.id, row.size, edgeTrees(edge))
    for (const { size, checkpoint } of rows) {
      const opened = await keys.open(row.id, checkpoint)
      await view.prepare([size])
      if (opened?.size !== size || !opened.root.equals(await rootHash(size, view.readHash))) {
        throw new LogDisagrees(row.id, `its checkpoint of size ${size} does not fit the tree`)
      }
    }
    const last = rows.at(-1)
    if (last === undefined) return
    after = last.id
    await new Promise((resolve) => setImmediate(resolve))
  }
}
