import { chmodSync, closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/** For as long as another connection of ours holds the write lock: never longer than a checkpoint. */
export const busyTimeoutMs = 2_000

/**
 * What every writing connection is set to. `FULL`: a commit returns after `fsync` of the write-ahead log (S3). The log is
 * moved into the database every 2,000 pages: rarer makes the pause longer (p99), more often moves the same pages again.
 * `secure_delete`: what was deleted is overwritten, so that an erased person's wrapped key lies in no free page.
 */
const writerPragmas = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA wal_autocheckpoint = 2000;
  PRAGMA journal_size_limit = 67108864;
  PRAGMA cache_size = -65536;
  PRAGMA temp_store = MEMORY;
  PRAGMA trusted_schema = OFF;
  PRAGMA secure_delete = ON;
`

const readerPragmas = `
  PRAGMA query_only = ON;
  PRAGMA cache_size = -32768;
  PRAGMA trusted_schema = OFF;
`

export const inMemory = ':memory:'

/** Opens for reading and writing, made readable by its owner only. */
export function openWritable(path: string): DatabaseSync {
  if (path !== inMemory) ownerOnly(path)
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs })
  try {
    database.exec(writerPragmas)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Opens a database that exists already; the connection cannot write. */
export function openReadable(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly: true, timeout: busyTimeoutMs })
  database.exec(readerPragmas)
  return database
}

/**
 * Makes the file, if there is none, with mode 0600; SQLite gives the files beside it the same. Never opens a file that
 * exists: closing it again would drop the locks this process holds on it (https://sqlite.org/howtocorrupt.html §2.2).
 */
export function ownerOnly(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    chmodSync(path, 0o600)
  }
}
