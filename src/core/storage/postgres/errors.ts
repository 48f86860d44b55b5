import { DatabaseError } from 'pg'
import { InvariantViolation } from '#core/base/assert'
import { Fault } from '#core/base/fault'
import { troubleFault, type Failure, type Trouble } from '../failure.ts'

/** SQLSTATEs, and their classes of two characters (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
const troubles: ReadonlyMap<string, Trouble> = new Map([
  ['08', 'unavailable'], // connection exception
  ['28', 'unavailable'], // invalid authorization
  ['3D', 'unavailable'], // no such database
  ['53', 'unavailable'], // insufficient resources
  ['57', 'unavailable'], // operator intervention: shutting down, statement timeout
  ['58', 'unavailable'], // system error
  ['53100', 'full'], // disk full
  ['25006', 'read-only'], // read-only transaction: a standby, or the reader
  ['42501', 'read-only'], // insufficient privilege
  ['XX001', 'corrupt'], // data corrupted
  ['XX002', 'corrupt'], // index corrupted
])

/** Serialization failure, deadlock, lock not available: nothing was wrong but the moment. */
const momentary = new Set(['40001', '40P01', '55P03'])
const uniqueViolation = '23505'

/** What kept the database from working, or null when the error is about the statement and not about the database. */
function troubleOf(error: unknown): Trouble | null {
  if (error instanceof DatabaseError) {
    const state = error.code ?? ''
    return troubles.get(state) ?? troubles.get(state.slice(0, 2)) ?? null
  }
  if (error instanceof Fault || error instanceof InvariantViolation || error instanceof TypeError) return null
  // What pg throws that the server did not say: refused, reset, timed out, closed.
  return 'unavailable'
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The fault for an error about the database itself; an error about the statement stays what it is. */
export function explained(error: unknown): unknown {
  const trouble = troubleOf(error)
  return trouble === null ? error : troubleFault(trouble, messageOf(error))
}

/** What a commit is told whose statement failed. */
export function failureOf(error: unknown): Failure {
  if (error instanceof DatabaseError && error.code !== undefined) {
    const { table = '', constraint = '' } = error
    if (error.code === uniqueViolation) return { kind: 'conflict', conflict: 'unique', table, constraint }
    if (momentary.has(error.code)) return { kind: 'conflict', conflict: 'serialization', table, constraint: '' }
  }
  return { kind: troubleOf(error) ?? 'defect', message: messageOf(error) }
}
