/**
 * A log as the database has it: what the data directory of a server says, whether the server runs or not.
 *
 * @module
 */
import { encodeEntries, hashLength, parseTilePath, tileWidth } from '@claviger/verifier'
import { lastMs, toTimestamp } from '#core/base/clock'
import { subjectsWithKeys } from '#core/keyring/keyring'
import type { StoredEntry } from '#core/storage/entry-lookup'
import { rowContent, type RowGuard } from '#core/storage/row-guard'
import type { ReadableStorage } from '#core/storage/storage'
import type { Table } from '#core/storage/table'
import { leafBytesMax } from '../entry.ts'
import { auditedTables, rowsOf, type HeadedRow } from '../list-rows.ts'
import { checkpointRange, tileId, type AuditDatabase } from '../tables.ts'
import { fullTilesOf, TreeEdge } from '../tree-edge.ts'
import { VerifyProblem } from './problem.ts'
import type { BlockRecord, LogSource, RowRecord } from './source.ts'

const rowsPerRead = 500
const checkpointsPerRead = 16

export interface StorageSourceOptions {
  /** Reads are all it asks for: a connection that cannot write will do. */
  readonly storage: Pick<ReadableStorage, 'reader'>
  readonly workspaceId: string
  /** The log's verifier keys. The database does not hold them: their private halves do, wrapped. */
  readonly vkeys: readonly string[]
  /** The blocks of uses of this workspace, which another room keeps, with what is sealed in them. */
  readonly blocks: () => AsyncIterable<BlockRecord>
  /** Guards its rows; absent where nobody has its key. */
  readonly guard?: RowGuard | undefined
  /** Whether a server may be writing meanwhile. */
  readonly isLive: boolean
}

export function storageSource({ storage, workspaceId, vkeys, blocks, guard, isLive }: StorageSourceOptions): LogSource {
  const reader = storage.reader<AuditDatabase>()

  async function bundle(index: number, width: number): Promise<Buffer | null> {
    const from = index * tileWidth
    const entries = await entriesFrom(from, width)
    if (entries.length === 0) return null
    for (const [at, entry] of entries.entries()) requireIndexed(entry, from + at)
    if (entries.length < width) throw new VerifyProblem('entry-missing', 'entry', from + entries.length)
    return encodeEntries(entries.map(({ leaf }) => leaf))
  }

  const entriesFrom = (from: number, limit: number): Promise<StoredEntry[]> =>
    reader.selectFrom('entries').selectAll().where('stream', '=', workspaceId)
      .where('idx', '>=', from).where('idx', '<', from + limit).orderBy('idx').execute()

  async function hashTile(level: number, index: number, width: number): Promise<Uint8Array | null> {
    const full = await reader.selectFrom('log_tiles').select('hashes').where('id', '=', tileId(workspaceId, level, index)).executeTakeFirst()
    const hashes = full?.hashes ?? (await partialTile(level, index))
    // A tile that has grown since begins as it did.
    if (hashes === null || width === tileWidth) return hashes
    return hashes.length < width * hashLength ? hashes : hashes.subarray(0, width * hashLength)
  }

  async function partialTile(level: number, index: number): Promise<Uint8Array | null> {
    const head = await reader.selectFrom('log_heads').select(['size', 'edge']).where('id', '=', workspaceId).executeTakeFirst()
    if (head === undefined || !isBytes(head.edge) || fullTilesOf(head.size, level) !== index) return null
    const hashes = TreeEdge.from(head.size, head.edge)?.partial(level)
    return hashes === undefined || hashes.length === 0 ? null : hashes
  }

  return {
    isLive,
    vkeys: () => Promise.resolve(vkeys),
    async checkpoint() {
      const head = await reader.selectFrom('log_heads').select('checkpoint').where('id', '=', workspaceId).executeTakeFirst()
      return head === undefined ? null : noteOf(head.checkpoint)
    },
    async *checkpoints() {
      const [first, before] = checkpointRange(workspaceId)
      for (let after = first; ; ) {
        const rows = await reader.selectFrom('log_checkpoints').select(['id', 'checkpoint'])
          .where('id', '>', after).where('id', '<', before).orderBy('id').limit(checkpointsPerRead).execute()
        const last = rows.at(-1)
        if (last === undefined) return
        for (const { checkpoint } of rows) yield noteOf(checkpoint)
        after = last.id
      }
    },
    async tile(path) {
      const place = parseTilePath(path)
      if (place === null) return null
      const { kind, level, index, width } = place
      return kind === 'entries' ? bundle(index, width) : hashTile(level, index, width)
    },
    async *rows() {
      for (const table of auditedTables()) {
        for (let after = ''; ; ) {
          const rows = await rowsOf(storage, table, workspaceId, after, rowsPerRead)
          const last = rows.at(-1)
          if (last === undefined) break
          for (const row of rows) yield { ...recordOf(table, row), ...(guard === undefined ? {} : { macHolds: guard.isGenuine(table, row) }) }
          after = last.id
        }
      }
    },
    blocks,
    sealed: {
      async details(from, count) {
        const rows = await reader.selectFrom('entries').select('details').where('stream', '=', workspaceId)
          .where('idx', '>=', from).where('idx', '<', from + count).orderBy('idx').execute()
        return rows.map(({ details }) => details)
      },
      subjectKeys: () => subjectsWithKeys(storage, workspaceId),
    },
    async *leaves(from) {
      for (let next = from; ; ) {
        const entries = await entriesFrom(next, tileWidth)
        for (const entry of entries) {
          requireIndexed(entry, next++)
          yield entry.leaf
        }
        if (entries.length < tileWidth) return
      }
    },
  }
}

function recordOf(table: Table, row: HeadedRow): RowRecord {
  if (!isBytes(row.salt)) throw new VerifyProblem('row-malformed', 'row', `${table.name}/${row.id}`)
  return {
    table: table.name,
    id: row.id,
    row: rowContent(table, row).row,
    salt: row.salt,
    head: row.head_version === null || row.head_digest === null ? null : { version: row.head_version, digest: row.head_digest },
  }
}

/** A block of uses as it is stored: what the room that keeps them reads for `blocks`. @throws VerifyProblem */
export function storedBlock({ id, environment_id: environment, use_count: uses, from_ms: fromMs, to_ms: toMs, sections }: StoredBlock): BlockRecord {
  if (!isTime(fromMs) || !isTime(toMs) || !isBytes(sections)) throw new VerifyProblem('block-malformed', 'block', id)
  return { id, environment, uses, from: toTimestamp(fromMs), to: toTimestamp(toMs), sections }
}

export interface StoredBlock {
  readonly id: string
  readonly environment_id: string
  readonly use_count: number
  readonly from_ms: number
  readonly to_ms: number
  readonly sections: Uint8Array
}

/** SQLite keeps whatever somebody puts into a column, whatever type that was made for. */
const isBytes = (value: unknown): boolean => value instanceof Uint8Array
const isTime = (value: unknown): boolean => Number.isInteger(value) && Math.abs(value as number) <= lastMs

/** @throws VerifyProblem */
function noteOf(checkpoint: unknown): string {
  if (typeof checkpoint !== 'string') throw new VerifyProblem('checkpoint-malformed', 'checkpoint')
  return checkpoint
}

/**
 * What an entry is found by stands beside its leaf, and must say the same. The leaf is canonical JSON, so what it says
 * has one spelling, and looking for that costs less than reading it.
 */
function requireIndexed({ idx, id, at_ms, target, leaf }: StoredEntry, index: number): void {
  if (idx !== index) throw new VerifyProblem('entry-missing', 'entry', index)
  if (!isTime(at_ms)) throw new VerifyProblem('entry-index-altered', 'entry', index)
  if (!isBytes(leaf) || leaf.length > leafBytesMax) throw new VerifyProblem('entry-malformed', 'entry', index)
  const text = Buffer.from(leaf.buffer, leaf.byteOffset, leaf.length)
  const isSame = [`"id":${JSON.stringify(id)}`, `,"target":${JSON.stringify(target)},"v":1,`, `"at":"${toTimestamp(at_ms)}"`].every((member) => text.includes(member))
  if (!isSame) throw new VerifyProblem('entry-index-altered', 'entry', index)
}
