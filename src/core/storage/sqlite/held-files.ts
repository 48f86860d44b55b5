/**
 * The files that a connection holds open, compared with those that stand under their names.
 *
 * A file that was removed or replaced lives on for whoever holds it open: SQLite goes on writing to it, `fsync` succeeds,
 * and all of that is gone with the process. A backup that is put back while the server runs does this, and so does whoever
 * clears the directory.
 *
 * @module
 */
import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import type { Failure } from '../failure.ts'
import { isFailure, type Applier } from './applier.ts'

export interface HeldFiles {
  /**
   * Why what is written now would not be found again, or null. Never throws.
   *
   * Where it would not, the log is moved into the database that is held, and emptied. SQLite leaves it where it is, and the
   * next start would apply it to whatever database it finds beside it: a backup that was put back would be ruined.
   */
  displaced(): Failure | null
}

/** @param path of a database that is open for writing, its write-ahead log included */
export function holdFiles(path: string, database: DatabaseSync, { log }: Pick<Applier, 'log'>): HeldFiles {
  // Where the path is a link, the log lies beside what it leads to.
  const held = [path, `${database.location() ?? path}-wal`].map((file) => ({ file, identity: identityOf(file) }))
  return {
    displaced() {
      const found = held.find(({ file, identity }) => identityOf(file) !== identity)
      if (found === undefined) return null
      log.empty()
      return { kind: 'unavailable', message: `${found.file} was removed, replaced or put out of reach while the server runs: stop it, see to the file, and start it` }
    },
  }
}

/**
 * Never opens the file: closing it again would drop the locks that this process holds on it. While it is held open, no
 * other gets its number.
 */
function identityOf(file: string): string {
  try {
    const found = statSync(file, { bigint: true, throwIfNoEntry: false })
    return found === undefined ? 'none' : `${found.dev}:${found.ino}`
  } catch {
    return 'out of reach'
  }
}

/**
 * An applier that answers for what is in the files that the next start will open. Invariant S3: a commit that is durable in
 * a file that is gone is not acknowledged.
 *
 * @param onDisplaced called when commits were applied and cannot be relied on
 */
export function onHeldFiles(applier: Applier, files: HeldFiles, onDisplaced: () => void): Applier {
  return {
    ...applier,
    finish() {
      const outcomes = applier.finish()
      if (outcomes.every(isFailure)) return outcomes
      // Looked at when the flush is on disk: before it, the file could still be taken away in between.
      const failure = files.displaced()
      if (failure === null) return outcomes
      onDisplaced()
      return outcomes.map((outcome) => (isFailure(outcome) ? outcome : failure))
    },
  }
}
