/**
 * Heads: how far a log is published, as it is stored, and as it may be believed.
 *
 * @module
 */
import { tileWidth, type ReadHash } from '@claviger/verifier'
import { lengthOf } from '#core/storage/entry-lookup'
import type { ReadableStorage } from '#core/storage/storage'
import type { LogKeys } from './log-keys.ts'
import { checkpointRange, tileId, type AuditDatabase, type HeadRow } from './tables.ts'
import { placesAbove, TileTree, type TilePlace, type TileStore } from './tile-store.ts'
import { fullTilesOf, levelsOf, TreeEdge } from './tree-edge.ts'

/** Why a log is not signed for any more: what a person has to look at. */
export class LogDisagrees extends Error {
  override readonly name = 'LogDisagrees'
  readonly workspaceId: string
  readonly reason: string
  constructor(workspaceId: string, reason: string) {
    super(`the log of ${workspaceId} is not signed for: ${reason}`)
    this.workspaceId = workspaceId
    this.reason = reason
  }
}

/** A head whose checkpoint is signed, and whose edge has that checkpoint's root. */
export interface CheckedHead {
  readonly row: HeadRow
  readonly root: Buffer
  readonly edge: TreeEdge
}

export const readHead = (storage: ReadableStorage, workspaceId: string): Promise<HeadRow | undefined> =>
  storage.reader<AuditDatabase>().selectFrom('log_heads').selectAll().where('id', '=', workspaceId).executeTakeFirst()

export const isSameHead = (one: HeadRow, other: HeadRow): boolean =>
  one.version === other.version && one.size === other.size && one.checkpoint === other.checkpoint && Buffer.compare(one.edge, other.edge) === 0

/** @throws LogDisagrees */
export async function checkHead(keys: LogKeys, row: HeadRow): Promise<CheckedHead> {
  const checkpoint = await keys.open(row.id, row.checkpoint)
  if (checkpoint === null) throw new LogDisagrees(row.id, 'its last checkpoint is not signed by its keys')
  const edge = TreeEdge.from(row.size, row.edge)
  if (edge === null || checkpoint.size !== row.size) throw new LogDisagrees(row.id, 'its head does not fit its last checkpoint')
  if (!edge.root().equals(checkpoint.root)) throw new LogDisagrees(row.id, 'the stored tree does not have the root of its last checkpoint')
  return { row, edge, root: checkpoint.root }
}

/**
 * The head as it is stored now; null when the log has none yet.
 *
 * The largest checkpoint is read first: another server may publish in between, and a head only moves on.
 *
 * @throws LogDisagrees when it went back behind a checkpoint that is kept
 */
export async function readNewestHead(storage: ReadableStorage, workspaceId: string): Promise<HeadRow | null> {
  const largest = await largestCheckpoint(storage, workspaceId)
  const row = await readHead(storage, workspaceId)
  if (row === undefined && largest > 0) throw new LogDisagrees(workspaceId, 'its head is gone')
  if (row !== undefined && row.size < largest) throw new LogDisagrees(workspaceId, 'its head went back behind its newest checkpoint')
  return row ?? null
}

/** @throws LogDisagrees when the log has fewer entries than its head says */
export async function requireEntries(storage: ReadableStorage, { id, size }: HeadRow): Promise<void> {
  if ((await lengthOf(storage.reader<never>(), id)) < size) throw new LogDisagrees(id, 'entries that its checkpoint covers are gone')
}

/** The size of the largest checkpoint that is kept of a log; 0 when there is none. */
async function largestCheckpoint(storage: ReadableStorage, workspaceId: string): Promise<number> {
  const [after, before] = checkpointRange(workspaceId)
  const row = await storage.reader<AuditDatabase>().selectFrom('log_checkpoints').select('size')
    .where('id', '>', after).where('id', '<', before).orderBy('id', 'desc').limit(1).executeTakeFirst()
  return row?.size ?? 0
}

/** Hashes of a log's tree, up to the size of a head. */
export interface TreeView {
  /** Loads what proofs about these entries need, by one query. */
  prepare(positions: readonly number[]): Promise<void>
  readonly readHash: ReadHash
}

/**
 * @param edges the tiles that are not full, by level: see `edgeTrees`
 * @throws LogDisagrees when asked for a hash that the stored tiles should have and have not
 */
export function viewTree(tiles: TileStore, workspaceId: string, size: number, edges: readonly TileTree[]): TreeView {
  const loaded = new Map<string, TileTree>()
  const isFull = ({ level, index }: TilePlace): boolean => index < fullTilesOf(size, level)

  async function load(places: readonly TilePlace[]): Promise<void> {
    const wanted = places.filter((place) => isFull(place) && !loaded.has(tileId(workspaceId, place.level, place.index)))
    if (wanted.length === 0) return
    for (const [id, tile] of await tiles.load(workspaceId, wanted)) loaded.set(id, tile)
  }

  const treeAt = (place: TilePlace): TileTree | undefined =>
    isFull(place) ? loaded.get(tileId(workspaceId, place.level, place.index)) : edges[place.level]

  function nodeAt(level: number, index: number, place: TilePlace): Uint8Array {
    const height = level % 8
    const node = treeAt(place)?.node(height, index % (tileWidth >> height)) ?? null
    if (node === null) throw new LogDisagrees(workspaceId, `its tile ${place.level}/${place.index} is missing or damaged`)
    return node
  }

  return {
    prepare: (positions) => load(positions.flatMap((position) => placesAbove(position, size))),
    readHash(level, index) {
      const place = { level: Math.floor(level / 8), index: Math.floor(index / (tileWidth >> (level % 8))) }
      if (!isFull(place) || loaded.has(tileId(workspaceId, place.level, place.index))) return nodeAt(level, index, place)
      return load([place]).then(() => nodeAt(level, index, place))
    },
  }
}

export const edgeTrees = (edge: TreeEdge): readonly TileTree[] =>
  Array.from({ length: levelsOf(edge.size) }, (_, level) => new TileTree(Buffer.from(edge.partial(level))))
