/**
 * Where the bytes of a log come from. A source hands out what it is given and judges nothing but its spelling.
 *
 * @module
 */
import type { JsonObject } from '#core/base/json'

/** A guarded row as it stands now, with what its digest covers. */
export interface RowRecord {
  readonly table: string
  readonly id: string
  /** The `row` of `rowContent`; null when the row is gone and only its head is left. */
  readonly row: JsonObject | null
  /** Empty when the row is gone. */
  readonly salt: Uint8Array
  /** What the storage keeps beside the row; null when there is none. `digest` is base64url, '' for a deleted row. */
  readonly head: { readonly version: number; readonly digest: string } | null
  /** Whether its MAC is the row's; absent where nobody holds the key that could tell. */
  readonly macHolds?: boolean
}

/** A block of uses. `from` and `to` are timestamps. */
export interface BlockRecord {
  readonly id: string
  /** Whose uses they are: an environment's id; '' for uses of keys that nobody knows. */
  readonly environment: string
  readonly uses: number
  readonly from: string
  readonly to: string
  /** The block's bytes, as `sectionsCommitment` takes them; what is sealed in them may be left out where the source has no `sealed`. */
  readonly sections: Uint8Array
}

/** What lies beside a log and never leaves the database: whether it is there, for nobody but the key process can open it. */
export interface SealedSource {
  /** What is sealed beside the entries from an index on, in order, one for each; empty where there is nothing. */
  details(from: number, count: number): Promise<readonly Uint8Array[]>
  /** The subjects whose key is there. */
  subjectKeys(): AsyncIterable<string>
}

/**
 * One log. Whoever implements it throws `VerifyProblem` for what is there and cannot be read, and any other error for what
 * could not be fetched.
 */
export interface LogSource {
  /** Whether the log may grow while it is read. */
  readonly isLive: boolean
  /** The log's verifier keys. */
  vkeys(): Promise<readonly string[]>
  /** The newest signed checkpoint; null when there is none. */
  checkpoint(): Promise<string | null>
  /** What `checkpoint` was when the rows began to be read, where that lies back. Absent: it is asked for now. */
  startCheckpoint?(): Promise<string | null>
  /** The signed checkpoints that are kept, smallest first. */
  checkpoints(): AsyncIterable<string>
  /**
   * A hash tile or entry bundle by its tlog-tiles path; null when there is none. A partial one that has grown since may
   * be null: the full one, or a wider one, is asked for next.
   */
  tile(path: string): Promise<Uint8Array | null>
  rows(): AsyncIterable<RowRecord>
  blocks(): AsyncIterable<BlockRecord>
  /** The leaves from an index on, in order, where those can be seen that no checkpoint covers yet. */
  leaves?(from: number): AsyncIterable<Uint8Array>
  /** Absent: the source cannot see it, and the check leaves it out. */
  readonly sealed?: SealedSource
}
