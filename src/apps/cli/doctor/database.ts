/** The database, looked at without touching it. */
import { statSync } from 'node:fs'
import { Fault } from '#core/base/fault'
import { inspectSqlite, type Inspection } from '#core/storage/sqlite/inspect'
import type { Config } from '../../server/config.ts'
import { migrations } from '../../server/foundations.ts'
import { ok, problem, reasonOf, warning, type Check } from './check.ts'

export interface DatabaseFindings {
  readonly checks: readonly Check[]
  readonly highestTimeMs: number | null
  /** To be closed by the caller; null when it does not open. */
  readonly inspection: Inspection | null
}

export function checkDatabase({ database }: Config): DatabaseFindings {
  const without = (check: Check): DatabaseFindings => ({ checks: [check], highestTimeMs: null, inspection: null })
  if (database.engine === 'postgres') return without(ok('database', 'PostgreSQL; the running server says whether it works (below)'))
  const stats = statSync(database.path, { throwIfNoEntry: false })
  if (stats === undefined) return without(problem('database', `${database.path} is missing`, 'Restore it from a backup. An empty data directory is the only place where a new one is made.'))
  try {
    return look(database.path, stats.size, inspectSqlite(database.path))
  } catch (error) {
    return without(damaged(database.path, error))
  }
}

const cure = 'Stop the server, keep this file aside, and restore the newest backup that `claviger audit verify` accepts.'

function damaged(path: string, error: unknown): Check {
  const { message } = error instanceof Fault ? error.context : {}
  return problem('database', `${path} cannot be read: ${typeof message === 'string' ? message : reasonOf(error)}`, cure)
}

function look(path: string, size: number, inspection: Inspection): DatabaseFindings {
  try {
    const integrity = inspection.integrity()
    if (integrity.length > 0) {
      return { checks: [problem('database', `${path} is damaged: ${integrity.slice(0, 3).join('; ')}`, cure)], highestTimeMs: null, inspection }
    }
    const megabytes = (size / 1024 / 1024).toFixed(1)
    const sound = inspection.isWal ? ok('database', `sound, ${megabytes} MB, write-ahead log`)
      : warning('database', 'sound, but it does not write ahead to a log (WAL)', 'A server sets it right when it starts.')
    return { checks: [sound, migrationCheck(inspection)], highestTimeMs: inspection.highestTimeMs(), inspection }
  } catch (error) {
    return { checks: [damaged(path, error)], highestTimeMs: null, inspection }
  }
}

function migrationCheck(inspection: Inspection): Check {
  try {
    const pending = inspection.pending(migrations)
    return pending.length === 0 ? ok('migrations', 'all applied, none unknown')
      : warning('migrations', `not applied yet: ${pending.join(', ')}`, 'The next start of the server applies them.')
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return problem('migrations', error.detail)
  }
}
