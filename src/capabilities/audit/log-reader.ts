/**
 * Log reader: tiles, entry bundles, checkpoints and proofs of a published log.
 *
 * Full tiles come from the database or from memory and are never computed anew; what is not full yet stands in the head.
 *
 * Invariant A12: every proof was verified before it is handed out, against the root that its checkpoint signs.
 *
 * @module
 */
import {
  consistencyProof, encodeEntries, hashLength, inclusionProof, leafHash, rootHash, tileWidth, verifyConsistency, verifyInclusion, type TilePath,
} from '@claviger/verifier'
import type { Storage } from '#core/storage/storage'
import { auditFaults } from './faults.ts'
import { checkHead, edgeTrees, LogDisagrees, readHead, viewTree, type TreeView } from './log-head.ts'
import type { LogKeys } from './log-keys.ts'
import { checkpointRange, tileId, type AuditDatabase, type CheckpointRow, type HeadRow } from './tables.ts'
import { createTileStore, type TileTree } from './tile-store.ts'
import { fullTilesOf } from './tree-edge.ts'

export interface InclusionProof {
  readonly leafHash: Buffer
  readonly root: Buffer
  readonly proof: readonly Buffer[]
}

export interface ConsistencyProof {
  readonly fromRoot: Buffer
  readonly toRoot: Buffer
  readonly proof: readonly Buffer[]
}

/** A log as one signed checkpoint has it. */
export interface PublishedLog {
  readonly size: number
  readonly root: Buffer
  /** The signed note. */
  readonly checkpoint: string
  readonly atMs: number
  /** A hash tile or an entry bundle; null when the log has none such. */
  tile(path: TilePath): Promise<Buffer | null>
  /**
   * @param size of the tree that the proof is for; not above the log's own, above `index`
   * @param entry the entry itself, to be proven; absent: whatever the tree has there
   */
  inclusion(index: number, size: number, entry?: Uint8Array): Promise<InclusionProof>
  /** @param from 1 to `to`; `to` not above the log's own size */
  consistency(from: number, to: number): Promise<ConsistencyProof>
}

export interface LogReader {
  /**
   * The log as its newest checkpoint has it; null when there is none yet.
   *
   * @throws Fault audit/log-damaged, here and by what it returns
   */
  open(workspaceId: string): Promise<PublishedLog | null>
  /** Checkpoints below a size, newest first. */
  checkpoints(workspaceId: string, belowSize: number, limit: number): Promise<readonly CheckpointRow[]>
}

interface KnownHead {
  readonly row: HeadRow
  readonly root: Buffer
  readonly edges: readonly TileTree[]
}

/** Heads with the trees over their right edges: up to 16 KiB for every factor of 256. */
const headsMax = 256

export function createLogReader({ storage, keys }: { readonly storage: Storage; readonly keys: LogKeys }): LogReader {
  const tiles = createTileStore(storage)
  const heads = new Map<string, KnownHead>()
  storage.onForeignWrite(() => heads.clear())

  async function headOf(workspaceId: string): Promise<KnownHead | null> {
    const known = heads.get(workspaceId)
    const current = await storage.reader<AuditDatabase>().selectFrom('log_heads').select('version').where('id', '=', workspaceId).executeTakeFirst()
    if (current === undefined) return null
    if (known?.row.version === current.version) return known
    const row = await readHead(storage, workspaceId)
    if (row === undefined) return null
    const { root, edge } = await checkHead(keys, row)
    const head = { row, root, edges: edgeTrees(edge) }
    heads.delete(workspaceId)
    heads.set(workspaceId, head)
    if (heads.size > headsMax) heads.delete(heads.keys().next().value as string)
    return head
  }

  return {
    async open(workspaceId) {
      const head = await reporting(() => headOf(workspaceId))
      return head === null ? null : publishedLog(head)
    },
    checkpoints(workspaceId, belowSize, limit) {
      const [after, before] = checkpointRange(workspaceId)
      return storage.reader<AuditDatabase>().selectFrom('log_checkpoints').selectAll()
        .where('id', '>', after).where('id', '<', before).where('size', '<', belowSize).orderBy('id', 'desc').limit(limit).execute()
    },
  }

  function publishedLog({ row, root, edges }: KnownHead): PublishedLog {
    const { id: workspaceId, size } = row
    const view = (): TreeView => viewTree(tiles, workspaceId, size, edges)
    const rootOf = (wanted: number, over: TreeView): Promise<Buffer> | Buffer => (wanted === size ? root : rootHash(wanted, over.readHash))
    return {
      size,
      root,
      checkpoint: row.checkpoint,
      atMs: row.at_ms,
      tile: (path) => (path.kind === 'entries' ? bundle(workspaceId, size, path) : hashTile(workspaceId, size, edges, path)),
      inclusion: (index, wanted, entry) =>
        reporting(async () => {
          const over = view()
          await over.prepare([index, wanted])
          const leaf = entry === undefined ? Buffer.from(await over.readHash(0, index)) : leafHash(entry)
          const proof = await inclusionProof(index, wanted, over.readHash)
          const treeRoot = await rootOf(wanted, over)
          if (!verifyInclusion({ leafHash: leaf, index, size: wanted, proof, root: treeRoot })) {
            throw new LogDisagrees(workspaceId, `entry ${index} has no proof that verifies`)
          }
          return { leafHash: leaf, root: treeRoot, proof }
        }),
      consistency: (from, to) =>
        reporting(async () => {
          const over = view()
          await over.prepare([from - 1, from, to])
          const proof = await consistencyProof(from, to, over.readHash)
          const [fromRoot, toRoot] = [await rootOf(from, over), await rootOf(to, over)]
          if (!verifyConsistency({ oldSize: from, oldRoot: fromRoot, size: to, root: toRoot, proof })) {
            throw new LogDisagrees(workspaceId, `there is no proof from ${from} to ${to} that verifies`)
          }
          return { fromRoot, toRoot, proof }
        }),
    }
  }

  async function hashTile(workspaceId: string, size: number, edges: readonly TileTree[], { level, index, width }: TilePath): Promise<Buffer | null> {
    const isFull = index < fullTilesOf(size, level)
    if (!isFull && index > fullTilesOf(size, level)) return null
    const tile = isFull ? (await tiles.load(workspaceId, [{ level, index }])).get(tileId(workspaceId, level, index)) : edges[level]
    if (tile === undefined) {
      if (isFull) throw damaged(new LogDisagrees(workspaceId, `its tile ${level}/${index} is missing or damaged`))
      return null
    }
    // A tile that has grown since is still served as it was: hashes are only added.
    return tile.width < width ? null : Buffer.from(tile.hashes.subarray(0, width * hashLength))
  }

  async function bundle(workspaceId: string, size: number, { index, width }: TilePath): Promise<Buffer | null> {
    const from = index * tileWidth
    if (from + width > size) return null
    const rows = await storage.reader<AuditDatabase>().selectFrom('entries').select('leaf').where('stream', '=', workspaceId)
      .where('idx', '>=', from).where('idx', '<', from + width).orderBy('idx').execute()
    if (rows.length !== width) throw damaged(new LogDisagrees(workspaceId, `entries of bundle ${index} are gone`))
    return encodeEntries(rows.map((row) => row.leaf))
  }
}

async function reporting<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof LogDisagrees) throw damaged(error)
    throw error
  }
}

const damaged = (cause: LogDisagrees) =>
  auditFaults['log-damaged']('What is stored of this log disagrees with its last checkpoint. Run `claviger audit verify`.', {
    cause, context: { workspace: cause.workspaceId, reason: cause.reason },
  })
