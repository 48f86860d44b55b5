import { DatabaseSync } from 'node:sqlite'
import { storageFaults } from '../faults.ts'
import { ownerOnly } from './database.ts'
import { troubleOf } from './errors.ts'

const detail =
  'Another Claviger server already runs on this data directory. Stop it first, or give this one a directory of its own.'

export interface Lock {
  release(): void
}

/**
 * Keeps every other server off a database for as long as this process lives: an exclusive lock on a file of its own, so
 * that readers of the database (a backup, `sqlite3`) are not kept off with them. The system drops it when the process
 * ends, however it ends.
 *
 * @throws Fault storage/locked
 */
export function holdLock(path: string): Lock {
  const lockPath = `${path}.lock`
  ownerOnly(lockPath)
  const database = new DatabaseSync(lockPath, { timeout: 0 })
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (troubleOf(error) !== 'locked') throw error
    throw storageFaults.locked(detail, { cause: error, context: { lockPath } })
  }
  return { release: () => database.close() }
}
