/**
 * Why a commit was not applied, as data, so that it can cross from the writer's thread.
 *
 * @module
 */
import { InvariantViolation } from '#core/base/assert'
import type { Fault } from '#core/base/fault'
import { CommitConflict } from './commit.ts'
import { storageFaults } from './faults.ts'

export type Trouble = 'unavailable' | 'full' | 'read-only' | 'corrupt' | 'locked'

interface ConflictFailure {
  readonly kind: 'conflict'
  readonly conflict: CommitConflict['kind']
  readonly table: string
  readonly constraint: string
}

export type Failure =
  | ConflictFailure
  /** The database could not do it. `message` is the engine's, for operators. */
  | { readonly kind: Trouble; readonly message: string }
  /** The statement itself was wrong. */
  | { readonly kind: 'defect'; readonly message: string }

const details: Readonly<Record<Trouble, string>> = {
  unavailable: 'The database cannot be reached right now. Try again; if it stays, the log tells the operator why.',
  full: 'The disk of the database is full. Revoking, disabling and erasing still work; the rest waits for free space.',
  'read-only': 'The database cannot be written. The operator must give the server write access to its data directory.',
  corrupt: 'The database is damaged. The operator must restore it from a backup.',
  locked: 'Another process holds the database. Stop it, and start again.',
}

export const troubleFault = (kind: Trouble, message: string): Fault =>
  storageFaults[kind](details[kind], { context: { message } })

export function failureError(failure: Failure): Error {
  if (failure.kind === 'conflict') return new CommitConflict(failure.conflict, failure.table, failure.constraint)
  if (failure.kind === 'defect') return new InvariantViolation(`S6: what a commit says can be run: ${failure.message}`)
  return troubleFault(failure.kind, failure.message)
}
