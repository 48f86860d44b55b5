/**
 * What the pipeline needs of rooms above it. `apps` wires them up, so nothing here knows who provides them.
 *
 * @module
 */
import type { EntryId } from '#core/base/id'
import type { RowWrite } from '#core/storage/commit'
import type { Caller, Decision } from './operation.ts'

/** Where a request came from. */
export interface Client {
  readonly requestId: string
  /** Canonical; forwarded headers count only from configured proxies. */
  readonly clientIp: string
  readonly userAgent: string
}

/**
 * From the presented credential, or null when none was, to the caller it stands for. Answers at once whenever it can:
 * the pipeline then does not wait.
 *
 * @param again asked another time for the same request: it is no further use of the credential
 *
 * @throws Fault http/unauthenticated
 */
export type Authenticate = (credential: string | null, client: Client, again?: boolean) => Caller | Promise<Caller>

/** One decision, with all that its audit entry says of who made it. */
export interface Act extends Client {
  /** Id of the operation. */
  readonly operation: string
  readonly event: string
  readonly takesAway: boolean
  readonly caller: Caller
  readonly atMs: number
  readonly decision: Decision<unknown>
  /** The id that the entry is to have: `extraWrites` may name it. */
  readonly entryId: EntryId
  /** Rows of the pipeline itself, committed with the decision's. */
  readonly extraWrites: readonly RowWrite[]
}

export interface Recorded {
  /** `ent_…` of the entry. */
  readonly entryId: string
}

export interface Ports {
  readonly authenticate: Authenticate
  /**
   * Commits the decision and its audit entry as one, and resolves when both are durable.
   *
   * @throws CommitConflict when the decision's picture of the world was out of date
   */
  readonly record: (act: Act) => Promise<Recorded>
}
