import { existsSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { sql, type Kysely } from 'kysely'
import { assert } from '#core/base/assert'
import { createAdmission } from '../admission.ts'
import type { Commit, Committed } from '../commit.ts'
import { failureError } from '../failure.ts'
import { storageFaults } from '../faults.ts'
import { createListeners } from '../listeners.ts'
import { createPlanner } from '../plan.ts'
import type { Migration, Storage } from '../storage.ts'
import { isFailure, type Outcome } from './applier.ts'
import { inMemory, openReadable, openWritable } from './database.ts'
import { sqliteDialect } from './dialect.ts'
import { explaining, troubleOf } from './errors.ts'
import { holdLock, type Lock } from './lock.ts'
import { migrate } from './migrate.ts'
import { createReader } from './reader.ts'
import { giveOfReserve } from './reserve.ts'
import { createInlineWriter, createThreadWriter, type Writer, type WriterEvents } from './writer.ts'

export interface SqliteOptions {
  /** The database's file, or `:memory:`. Beside it lie `-wal`, `-shm`, `.lock` and `.reserve`. */
  readonly path: string
  readonly migrations: readonly Migration[]
  /** Apply commits in process, each as it comes; always so in memory. For simulations and tests. */
  readonly inline?: boolean
  readonly wallMs?: () => number
}

interface Waiting {
  readonly commit: Commit
  readonly resolve: (committed: Committed) => void
  readonly reject: (error: Error) => void
}

/**
 * Opens a SQLite database as the only server on it, and brings its schema up to date.
 *
 * @throws Fault storage/locked, storage/too-new, storage/migration-changed, storage/corrupt, storage/read-only,
 * storage/unavailable, storage/full, storage/missing
 */
export async function openSqlite(options: SqliteOptions): Promise<Storage> {
  const { path, migrations, wallMs = Date.now } = options
  const inline = options.inline === true || path === inMemory
  return explaining(() => {
    const lock = path === inMemory ? { release() {} } : holdLock(path)
    try {
      requireThere(path)
      const database = prepareOnFullDisk(path, migrations, wallMs())
      if (inline) return createStorage(database, lock, (events) => createInlineWriter(database, path, events))
      database.close()
      return createStorage(openReadable(path), lock, (events) => createThreadWriter(path, events))
    } catch (error) {
      lock.release()
      throw error
    }
  })
}

/**
 * A database that was here once is not made anew: whoever lost its file would find an empty one, with another owner, and
 * not know why. Its reserve, and the log of a server that was killed, are made after it and stay when it goes.
 */
function requireThere(path: string): void {
  if (path === inMemory || existsSync(path)) return
  const left = [`${path}-wal`, `${path}.reserve`].find((file) => existsSync(file))
  if (left === undefined) return
  throw storageFaults.missing(`${path} is gone, and ${left}, which was made beside it, is still there. Put it back, or restore a backup of it and take ${path}-wal and ${path}-shm away first: they belong to the other. A new one is made in an empty data directory alone.`)
}

/** SQLite makes files beside a database before anything is read: on a full disk there is room for them in the reserve. */
function prepareOnFullDisk(path: string, migrations: readonly Migration[], atMs: number): DatabaseSync {
  try {
    return prepare(path, migrations, atMs)
  } catch (error) {
    if (path === inMemory || troubleOf(error) !== 'full' || !giveOfReserve(`${path}.reserve`)) throw error
    return prepare(path, migrations, atMs)
  }
}

function prepare(path: string, migrations: readonly Migration[], atMs: number): DatabaseSync {
  const database = openWritable(path)
  try {
    migrate(database, migrations, atMs)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function createStorage(database: DatabaseSync, lock: Lock, createWriter: (events: WriterEvents) => Writer): Storage {
  const planOf = createPlanner(sqliteDialect)
  const kysely = createReader(database)
  const listeners = createListeners()
  const admission = createAdmission()
  const waiting: Waiting[] = []
  let closed: Promise<void> | null = null
  let highestMs = Number(database.prepare(`SELECT value FROM meta WHERE id = 'highest-time-ms'`).get()?.['value'])

  function settle(outcome: Outcome): void {
    const first = waiting.shift()
    assert(first !== undefined, 'S2: every outcome answers a commit')
    const { commit, resolve, reject } = first
    admission.leave()
    if (isFailure(outcome)) return reject(failureError(outcome))
    highestMs = Math.max(highestMs, commit.atMs)
    listeners.tellCommitted(commit)
    resolve({ indexes: outcome })
  }

  const writer = createWriter({ onOutcome: settle, onForeignWrite: listeners.tellForeignWrite })

  async function shutDown(): Promise<void> {
    await admission.close()
    // The writer's connection closes last: the last one moves the log into the database and removes it.
    database.close()
    await writer.close()
    lock.release()
  }

  return {
    engine: 'sqlite',
    exclusive: true,
    // One Kysely serves every room; each room knows its own tables.
    reader: <Tables>() => kysely as Kysely<Tables>,
    commit: (commit) =>
      new Promise((resolve, reject) => {
        const plan = planOf(commit)
        const refused = admission.enter()
        if (refused !== null) return reject(refused)
        waiting.push({ commit, resolve, reject })
        writer.write(plan)
      }),
    onCommitted: listeners.onCommitted,
    onForeignWrite: listeners.onForeignWrite,
    highestTimeMs: () => highestMs,
    async probe() {
      const broken = writer.broken()
      if (broken !== null) throw failureError(broken)
      await sql`SELECT value FROM meta`.execute(kysely)
    },
    close: () => (closed ??= shutDown()),
  }
}
