/**
 * A look at a database from outside, for diagnosis: it writes nothing, and a server may go on using it.
 *
 * @module
 */
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { DatabaseSync } from 'node:sqlite'
import type { Kysely } from 'kysely'
import { pendingMigrations, type AppliedMigration } from '../migrations.ts'
import type { Migration } from '../storage.ts'
import { openReadable } from './database.ts'
import { sqliteTypes } from './dialect.ts'
import { explaining } from './errors.ts'
import { createReader } from './reader.ts'

export interface Inspection {
  /** What `PRAGMA integrity_check` found, at most ten lines; empty when all is well. */
  integrity(): readonly string[]
  /** Whether it writes ahead to a log, as our servers set it. */
  readonly isWal: boolean
  /** Ids of migrations that the next start will apply. @throws Fault storage/too-new, storage/migration-changed */
  pending(migrations: readonly Migration[]): readonly string[]
  /** The highest time that was committed, ms since the epoch. */
  highestTimeMs(): number
  reader<Tables>(): Kysely<Tables>
  close(): void
}

/** @throws Fault storage/corrupt, storage/unavailable */
export function inspectSqlite(path: string): Inspection {
  return explaining(() => {
    // Before it is opened: closing a descriptor of the file drops the locks that this process holds on it.
    const isWal = writesAhead(path)
    const database = openUntouched(path)
    try {
      const kysely = createReader(database)
      return {
        isWal,
        integrity: () => explaining(() => integrityOf(database)),
        pending: (migrations) => explaining(() => pendingMigrations(migrations, sqliteTypes, appliedIn(database)).map(({ id }) => id)),
        highestTimeMs: () => explaining(() => Number(database.prepare(`SELECT value FROM meta WHERE id = 'highest-time-ms'`).get()?.['value'] ?? 0)),
        // One Kysely serves every room; each room knows its own tables.
        reader: <Tables>() => kysely as Kysely<Tables>,
        close: () => database.close(),
      }
    } catch (error) {
      database.close()
      throw error
    }
  })
}

/**
 * With no log beside it nobody has it open and nothing waits to be recovered; opened as unchangeable it then gets no
 * files beside it, which an ordinary reader of a database in WAL mode would make.
 */
function openUntouched(path: string): DatabaseSync {
  const log = `${path}-wal`
  if (existsSync(log) && statSync(log).size > 0) return openReadable(path)
  const url = pathToFileURL(path)
  url.searchParams.set('immutable', '1')
  return new DatabaseSync(url, { readOnly: true })
}

/** The file format's read version (https://sqlite.org/fileformat.html §1.3.3). As an unchangeable one it is opened in another mode. */
function writesAhead(path: string): boolean {
  const header = Buffer.alloc(20)
  const descriptor = openSync(path, 'r')
  try {
    readSync(descriptor, header, 0, header.length, 0)
  } finally {
    closeSync(descriptor)
  }
  return header[19] === 2
}

function integrityOf(database: DatabaseSync): readonly string[] {
  const lines = database.prepare('PRAGMA integrity_check(10)').all().map((row) => String(row['integrity_check']))
  return lines.length === 1 && lines[0] === 'ok' ? [] : lines
}

const appliedIn = (database: DatabaseSync): readonly AppliedMigration[] =>
  database.prepare('SELECT id, checksum FROM migrations').all() as unknown as readonly AppliedMigration[]
