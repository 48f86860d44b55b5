/**
 * Publishing one log: its tree grows by the entries that it does not cover yet, and gets a new signed checkpoint.
 *
 * Tiles, head and checkpoint are one commit, so a crash leaves the log published as before or as after. Entries that are
 * not covered yet are simply still there.
 *
 * Invariant A3: no checkpoint is smaller than one signed before, or inconsistent with it. The tree only grows from a head
 * whose root its own signed checkpoint has; a head that this process did not write must be consistent with the last one
 * that it knew; and where another server was faster, the commit fails on the head's version.
 *
 * @module
 */
import { consistencyProof, leafHash, verifyConsistency } from '@claviger/verifier'
import { assert } from '#core/base/assert'
import type { Clock } from '#core/base/clock'
import { CommitConflict, emptyCommit, type RowWrite } from '#core/storage/commit'
import type { Storage } from '#core/storage/storage'
import { checkHead, edgeTrees, isSameHead, LogDisagrees, readHead, readNewestHead, requireEntries, viewTree, type CheckedHead } from './log-head.ts'
import type { LogKeys } from './log-keys.ts'
import {
  checkpointId, checkpointRange, checkpointTable, headTable, tileId, tileTable, type AuditDatabase, type CheckpointRow, type HeadRow, type TileRow,
} from './tables.ts'
import type { TileStore } from './tile-store.ts'
import { TreeEdge, type FullTile } from './tree-edge.ts'

export interface PublishServices {
  readonly storage: Storage
  readonly keys: LogKeys
  readonly tiles: TileStore
  readonly clock: Clock
}

export interface LogPublisher {
  /**
   * Brings one log under checkpoints as far as it has entries. Not to be called for a log while it is under way for it.
   *
   * @param isStopping asked after each checkpoint; true ends early
   * @throws LogDisagrees when what is stored does not agree with what was signed
   */
  publish(workspaceId: string, isStopping: () => boolean): Promise<void>
}

/** Entries read at a time: what the event loop is held for, about 2 ms. */
const entriesPerRead = 512
/** Entries under one checkpoint at most: 64 tiles, half a MiB in one commit. */
const entriesPerCheckpoint = 16_384
/** Logs whose head stays in memory. */
const headsMax = 1_024
/** How often a race may be lost in a row. */
const attemptsMax = 20
/** Checkpoints that are all kept; of older ones, the first of each hour. */
const checkpointsKept = 64
const hourMs = 3_600_000

export function createLogPublisher({ storage, keys, tiles, clock }: PublishServices): LogPublisher {
  const heads = new Map<string, CheckedHead>()

  function remember(workspaceId: string, head: CheckedHead): void {
    heads.delete(workspaceId)
    heads.set(workspaceId, head)
    if (heads.size > headsMax) heads.delete(heads.keys().next().value as string)
  }

  /** The head to go on from, or null when the log has none yet. */
  async function currentHead(workspaceId: string): Promise<CheckedHead | null> {
    const known = heads.get(workspaceId)
    const stored = await readHead(storage, workspaceId)
    if (known !== undefined && stored !== undefined && isSameHead(known.row, stored)) return known
    const row = await readNewestHead(storage, workspaceId)
    if (row === null) {
      if (known !== undefined) throw new LogDisagrees(workspaceId, 'its head is gone')
      return null
    }
    const head = await checkHead(keys, row)
    await requireEntries(storage, row)
    if (known !== undefined) await requireGrowth(known, head)
    remember(workspaceId, head)
    return head
  }

  async function requireGrowth(before: CheckedHead, after: CheckedHead): Promise<void> {
    const [oldSize, size] = [before.row.size, after.row.size]
    if (size < oldSize) throw new LogDisagrees(after.row.id, 'its head went back')
    const view = viewTree(tiles, after.row.id, size, edgeTrees(after.edge))
    await view.prepare([oldSize - 1, oldSize, size])
    const proof = await consistencyProof(oldSize, size, view.readHash)
    if (!verifyConsistency({ oldSize, oldRoot: before.root, size, root: after.root, proof })) {
      throw new LogDisagrees(after.row.id, 'its head is not consistent with the one before')
    }
  }

  /** Appends entries that follow the edge. @returns the tiles that became full */
  async function grow(workspaceId: string, edge: TreeEdge): Promise<FullTile[]> {
    const full: FullTile[] = []
    const until = edge.size + entriesPerCheckpoint
    while (edge.size < until) {
      const rows = await storage.reader<AuditDatabase>().selectFrom('entries').select(['idx', 'leaf'])
        .where('stream', '=', workspaceId).where('idx', '>=', edge.size).orderBy('idx').limit(Math.min(entriesPerRead, until - edge.size)).execute()
      for (const { idx, leaf } of rows) {
        if (idx !== edge.size) throw new LogDisagrees(workspaceId, `its entry ${edge.size} is missing`)
        edge.append(leafHash(leaf), (tile) => full.push(tile))
      }
      if (rows.length < entriesPerRead) break
      await new Promise((resolve) => setImmediate(resolve))
    }
    return full
  }

  /** @returns whether there was anything to publish */
  async function step(workspaceId: string): Promise<boolean> {
    const before = await currentHead(workspaceId)
    const edge = before?.edge.clone() ?? new TreeEdge()
    const sizeBefore = edge.size
    const full = await grow(workspaceId, edge)
    if (edge.size === sizeBefore) {
      if (before !== null) await requireEntries(storage, before.row)
      return false
    }
    const root = edge.root()
    const atMs = clock.now()
    const checkpoint = await keys.sign(workspaceId, { size: edge.size, root }, atMs)
    const row: HeadRow = {
      id: workspaceId, version: (before?.row.version ?? 0) + 1, size: edge.size, at_ms: atMs, checkpoint, edge: edge.encode(),
    }
    assert(row.size > (before?.row.size ?? 0), 'A3: a new checkpoint is larger than the last')
    const writes: RowWrite[] = [
      { kind: before === null ? 'insert' : 'update', table: headTable, row },
      { kind: 'insert', table: checkpointTable, row: checkpointRow(row) },
      ...full.map((tile): RowWrite => ({ kind: 'insert', table: tileTable, row: tileRow(workspaceId, tile) })),
      ...(await outdated(workspaceId)),
    ]
    await commit(workspaceId, before, writes)
    remember(workspaceId, { row, edge, root })
    return true
  }

  /** @throws LogDisagrees when there is already what only a later head may have */
  async function commit(workspaceId: string, before: CheckedHead | null, writes: readonly RowWrite[]): Promise<void> {
    try {
      // Its time is no event's: it must not push the clock's floor, so it stays 0.
      await storage.commit({ ...emptyCommit, writes })
    } catch (error) {
      if (!(error instanceof CommitConflict) || error.kind !== 'unique') throw error
      const row = await readHead(storage, workspaceId)
      const isUnchanged = row === undefined ? before === null : before !== null && isSameHead(row, before.row)
      if (isUnchanged) throw new LogDisagrees(workspaceId, 'it has tiles or checkpoints beyond its head')
      throw error
    }
  }

  /** The checkpoint that now leaves the newest ones goes, unless it is the first of its hour. */
  async function outdated(workspaceId: string): Promise<RowWrite[]> {
    const [after, before] = checkpointRange(workspaceId)
    const [leaving, older] = await storage.reader<AuditDatabase>().selectFrom('log_checkpoints').select(['id', 'version', 'at_ms'])
      .where('id', '>', after).where('id', '<', before).orderBy('id', 'desc').offset(checkpointsKept - 1).limit(2).execute()
    if (leaving === undefined || older === undefined || hourOf(leaving.at_ms) !== hourOf(older.at_ms)) return []
    return [{ kind: 'delete', table: checkpointTable, id: leaving.id, version: leaving.version + 1 }]
  }

  return {
    async publish(workspaceId, isStopping) {
      let attempts = 0
      for (;;) {
        try {
          if (!(await step(workspaceId)) || isStopping()) return
          attempts = 0
        } catch (error) {
          // Another server was faster; what it wrote is where we go on.
          if (!(error instanceof CommitConflict) || ++attempts >= attemptsMax) throw error
        }
      }
    },
  }
}

const checkpointRow = ({ id, size, at_ms, checkpoint }: HeadRow): CheckpointRow => ({ id: checkpointId(id, size), version: 1, size, at_ms, checkpoint })
const tileRow = (workspaceId: string, { level, index, hashes }: FullTile): TileRow => ({ id: tileId(workspaceId, level, index), version: 1, hashes })
const hourOf = (ms: number): number => Math.floor(ms / hourMs)
