/** The write-ahead log: commits are written to it first, and moved into the database later. */
import { statSync } from 'node:fs'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { troubleOf } from './errors.ts'

export interface WriteAheadLog {
  /** Moves it into the database and empties it. False when that was not possible now. */
  empty(): boolean
  /**
   * Moves it into the database and leaves it as long as it is: it is written again from its beginning. Waits for nobody.
   * False when not all of it could be moved.
   */
  recycle(): boolean
  /** Whether anything was ever written to it since it was last emptied, moved or not. */
  holdsBytes(): boolean
  /** By how much the database's file must grow before all of it is moved; infinite when that cannot be told now. */
  unmovedBytes(): number
}

export function openWriteAheadLog(database: DatabaseSync): WriteAheadLog {
  const truncate = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)')
  const pass = database.prepare('PRAGMA wal_checkpoint(PASSIVE)')
  const [pageCount, pageSize] = [database.prepare('PRAGMA page_count'), database.prepare('PRAGMA page_size')]
  return {
    empty: () => unlessTrouble(() => truncate.get()?.['busy'] === 0, false),
    recycle: () => unlessTrouble(() => {
      const { busy, log, checkpointed } = pass.get() ?? {}
      return busy === 0 && log === checkpointed
    }, false),
    holdsBytes: () => (statSync(`${database.location() ?? ''}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0,
    unmovedBytes: () => unlessTrouble(() => {
      const wantedBytes = numberOf(pageCount) * numberOf(pageSize)
      return Math.max(0, wantedBytes - statSync(database.location() ?? '').size)
    }, Infinity),
  }
}

const numberOf = (pragma: StatementSync): number => Number(Object.values(pragma.get() ?? {})[0])

/** What stays in the log is as durable there. */
function unlessTrouble<Result>(work: () => Result, otherwise: Result): Result {
  try {
    return work()
  } catch (error) {
    if (troubleOf(error) === null) throw error
    return otherwise
  }
}
