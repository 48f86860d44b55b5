import type { DatabaseSync } from 'node:sqlite'
import { troubleFault, type Failure, type Trouble } from '../failure.ts'

/** Primary result codes (https://sqlite.org/rescode.html): the low byte of what node:sqlite calls `errcode`. */
const troubles: ReadonlyMap<number, Trouble> = new Map([
  [5, 'locked'], // BUSY
  [6, 'locked'], // LOCKED
  [7, 'unavailable'], // NOMEM
  [8, 'read-only'], // READONLY
  [10, 'unavailable'], // IOERR
  [11, 'corrupt'], // CORRUPT
  [13, 'full'], // FULL
  [14, 'unavailable'], // CANTOPEN
  [15, 'unavailable'], // PROTOCOL
  [26, 'corrupt'], // NOTADB
])

/** IOERR_SHMSIZE: the shared-memory file beside the log could not grow, which is how a full disk may show first. */
const sharedMemoryFull = 4874
const uniqueViolated = new Set([1555, 2067]) // CONSTRAINT_PRIMARYKEY, CONSTRAINT_UNIQUE

interface SqliteError extends Error {
  readonly code: 'ERR_SQLITE_ERROR'
  readonly errcode: number
}

const isFileError = (error: unknown): error is Error & { readonly code: string } =>
  error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string'

const isSqliteError = (error: unknown): error is SqliteError =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'

/** What the file system says when we make files ourselves; anything else it says is `unavailable`. */
const fileTroubles: ReadonlyMap<string, Trouble> = new Map([
  ['EACCES', 'read-only'], ['EPERM', 'read-only'], ['EROFS', 'read-only'], ['ENOSPC', 'full'], ['EDQUOT', 'full'],
])

/** What kept the database from working, or null when the error is about the statement and not about the database. */
export function troubleOf(error: unknown): Trouble | null {
  if (isSqliteError(error)) {
    return error.errcode === sharedMemoryFull ? 'full' : (troubles.get(error.errcode & 0xff) ?? null)
  }
  return isFileError(error) ? (fileTroubles.get(error.code) ?? 'unavailable') : null
}

/** Passes errors about the database on as faults; errors about the statement stay what they are. */
export function explaining<Result>(work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    const trouble = troubleOf(error)
    if (trouble === null) throw error
    throw troubleFault(trouble, messageOf(error))
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** What a commit is told whose statement failed while the database itself is well. */
export function statementFailure(database: DatabaseSync, table: string, error: unknown): Failure {
  const message = messageOf(error)
  if (isSqliteError(error) && uniqueViolated.has(error.errcode)) {
    return { kind: 'conflict', conflict: 'unique', table, constraint: constraintName(database, message) }
  }
  return { kind: 'defect', message }
}

/**
 * The name of the unique index that was violated. SQLite names the columns ("UNIQUE constraint failed:
 * apis.workspace_id, apis.slug"); a primary key is called as PostgreSQL would: `apis_pkey`.
 */
function constraintName(database: DatabaseSync, message: string): string {
  const columns = message.slice(message.indexOf(': ') + 2).split(', ')
  const [table] = (columns[0] ?? '').split('.')
  if (table === undefined) return ''
  const wanted = columns.map((column) => column.slice(table.length + 1)).join()
  const indexes = database.prepare(`SELECT name, origin FROM pragma_index_list(?) WHERE "unique" = 1`).all(table)
  for (const { name, origin } of indexes) {
    const indexed = database.prepare('SELECT name FROM pragma_index_info(?) ORDER BY seqno').all(String(name))
    if (indexed.map((column) => column['name']).join() !== wanted) continue
    return origin === 'pk' ? `${table}_pkey` : String(name)
  }
  return ''
}
