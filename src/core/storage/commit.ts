import type { RowBase, Table } from './table.ts'

/** A row as it is stored when its table is guarded: the content, its salt and its MAC. */
export interface Seal {
  readonly salt: Uint8Array
  readonly mac: Uint8Array
  /** The salted digest of the content. It is not stored: the row gives it again, and the audit log has it too. */
  readonly digest: Uint8Array
}

/**
 * One row written, or many merged.
 *
 * `insert` demands that the id is free, `update` and `delete` that the row stands at `version - 1` (the version that
 * was read); anything else is a conflict and nothing of the commit is applied. `merge` combines with what stands there,
 * as the columns say, without a version check: for counters, never for rows that decide access. Its rows have ids of
 * their own, in order, so that two servers that merge the same ones do not wait for each other.
 */
export type RowWrite =
  | { readonly kind: 'insert' | 'update'; readonly table: Table; readonly row: RowBase; readonly seal?: Seal }
  | { readonly kind: 'delete'; readonly table: Table; readonly id: string; readonly version: number }
  | { readonly kind: 'merge'; readonly table: Table; readonly rows: readonly RowBase[] }

/** A row that was read and not written, and must still be as it was. `version` 0: it must not exist. */
export interface Expectation {
  readonly table: Table
  readonly id: string
  readonly version: number
}

/**
 * No entry of this log from this index on may say this text: nobody has meanwhile done what a decision counts on not having
 * been done. Asked when the commit's rows are written, and so locked.
 */
export interface Silence {
  readonly stream: string
  readonly from: number
  readonly text: string
}

/** One entry of an ordered log. The storage gives it the next index of its stream. */
export interface LogAppend {
  /** The log: the workspace's id. */
  readonly stream: string
  /** `ent_…`; unique. */
  readonly id: string
  readonly atMs: number
  /** What the entry is about, for look-ups: an id, or ''. */
  readonly target: string
  /** The leaf: canonical JSON, at most 65,535 bytes. Hashed as it stands. */
  readonly leaf: Uint8Array
  /** What lies beside the leaf: sealed details, erasable. Empty when there are none. */
  readonly details: Uint8Array
}

/** Everything that one decision changes: applied as a whole, in one transaction, or not at all. */
export interface Commit {
  readonly atMs: number
  readonly expects: readonly Expectation[]
  readonly writes: readonly RowWrite[]
  readonly appends: readonly LogAppend[]
  readonly silences?: readonly Silence[]
  /** Takes away (revokes, disables, erases): may use the space that is kept back for the day the disk is full. */
  readonly takesAway: boolean
  /** Erases: what it deletes or overwrites is to be gone from every file of the database, mostly before its caller hears of it. */
  readonly erases?: boolean
}

/** What applying a commit tells: for each append its index in its stream, or null while the sequencer has not come by. */
export interface Committed {
  readonly indexes: readonly (number | null)[]
}

/** The commit's picture of the world was out of date, or an id or name was taken. Nothing was applied. */
export class CommitConflict extends Error {
  override readonly name = 'CommitConflict'
  /** `version`: a row moved on. `unique`: `constraint` names the unique index. `serialization`: try again. */
  readonly kind: 'version' | 'unique' | 'serialization'
  readonly table: string
  readonly constraint: string
  constructor(kind: 'version' | 'unique' | 'serialization', table: string, constraint = '') {
    super(`commit conflict: ${kind} ${table} ${constraint}`.trim())
    this.kind = kind
    this.table = table
    this.constraint = constraint
  }
}

export const emptyCommit: Commit = { atMs: 0, expects: [], writes: [], appends: [], takesAway: false }
