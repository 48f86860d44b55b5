/**
 * What is stored of a log beside its entries.
 *
 * None of it is guarded by a MAC: a checkpoint carries its signatures, and everything else is checked against it.
 */
import type { StoredEntry } from '#core/storage/entry-lookup'
import { defineTable, type RowBase } from '#core/storage/table'

/** A full tile: 256 hashes, 8,192 bytes. Written once. */
export interface TileRow extends RowBase {
  readonly hashes: Uint8Array
}

/** How far a log is published, and what it takes to go on from there. `id` is the workspace's. */
export interface HeadRow extends RowBase {
  readonly size: number
  readonly at_ms: number
  /** The signed note. */
  readonly checkpoint: string
  /** `TreeEdge.encode()`: the hashes of the tiles that are not full. */
  readonly edge: Uint8Array
}

export interface CheckpointRow extends RowBase {
  readonly size: number
  readonly at_ms: number
  readonly checkpoint: string
}

export const tileTable = defineTable<TileRow>('log_tiles', { columns: { hashes: 'blob' } })

export const headTable = defineTable<HeadRow>('log_heads', {
  columns: { size: 'integer', at_ms: 'integer', checkpoint: 'text', edge: 'blob' },
})

export const checkpointTable = defineTable<CheckpointRow>('log_checkpoints', {
  columns: { size: 'integer', at_ms: 'integer', checkpoint: 'text' },
})

export interface AuditDatabase {
  readonly log_tiles: TileRow
  readonly log_heads: HeadRow
  readonly log_checkpoints: CheckpointRow
  readonly entries: StoredEntry
}

export const tileId = (workspaceId: string, level: number, index: number): string => `${workspaceId}/${level}/${index}`

/** Sizes sort as text: 2^53 has 16 digits. */
export const checkpointId = (workspaceId: string, size: number): string => `${workspaceId}/${String(size).padStart(16, '0')}`

/** All checkpoints of one log lie between these ids. */
export const checkpointRange = (workspaceId: string): readonly [after: string, before: string] => [`${workspaceId}/`, `${workspaceId}0`]
