/**
 * Applier: the one place that writes to a SQLite database. Runs in the writer's thread, or in process when inline.
 *
 * A flush is one transaction over every commit that was waiting. One that is out of date mostly shows so before it has
 * changed anything, and is left out. Whatever else goes wrong (half a commit was applied, the disk is full) rolls the
 * flush back, and it runs once more with a savepoint around every commit: now one that fails is undone alone, and only
 * what ails the database itself fails the whole flush. Savepoints copy each page that they touch and cost half the
 * throughput, so the first attempt does without.
 *
 * Invariant S11: what an erasure deletes is in no file afterwards. It lies on in the write-ahead log, so the log is moved
 * and emptied before anybody hears of the erasure. A reader that is in the way is waited for as long as a lock is; then it
 * is tried again, without waiting, until it is done.
 *
 * Invariant S2: a commit is applied whole or not at all.
 * Invariant S4: the indexes of a stream are dense, and given in the order in which commits came.
 *
 * @module
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { LogAppend } from '../commit.ts'
import type { Failure } from '../failure.ts'
import type { CommitPlan, Step } from '../plan.ts'
import { insertSql, type Statement } from '../sql.ts'
import { busyTimeoutMs } from './database.ts'
import { sqliteDialect } from './dialect.ts'
import { messageOf, statementFailure, troubleOf } from './errors.ts'
import { openWriteAheadLog, type WriteAheadLog } from './write-ahead-log.ts'

/** For each commit of a flush, in order: the indexes of its entries, or why it was not applied. */
export type Outcome = readonly number[] | Failure

export const isFailure = (outcome: Outcome): outcome is Failure => 'kind' in outcome

export interface Applier {
  /** Applies commits in the flush that is open, opening one if there is none. */
  apply(plans: readonly CommitPlan[]): void
  /** Ends the flush. Never throws: the outcomes of all its commits say which are durable, and what went wrong. */
  finish(): readonly Outcome[]
  readonly log: WriteAheadLog
  /** Moves the log when an erasure still lies in it. Called now and then. */
  finishErasures(): void
  /** Whether somebody else has written since this, or a flush, last looked. */
  sawForeignWrite(): boolean
}

export interface ApplierOptions {
  /** Called in a flush that finds that somebody else has written. */
  readonly onForeignWrite: () => void
}

/** A statement found another number of rows than its commit expects. */
class OutOfDate extends Error {}

/** A commit failed after it had changed something. */
class HalfApplied extends Error {
  readonly failure: Failure
  constructor(failure: Failure) {
    super(failure.kind)
    this.failure = failure
  }
}

/** Logs whose next index is remembered. */
const streamsMax = 10_000
const entryColumns = ['stream', 'idx', 'id', 'at_ms', 'target', 'leaf', 'details']

export function createApplier(database: DatabaseSync, options: ApplierOptions): Applier {
  const prepared = new Map<Statement, StatementSync>()
  const [begin, commit] = [database.prepare('BEGIN IMMEDIATE'), database.prepare('COMMIT')]
  const [save, release] = [database.prepare('SAVEPOINT one'), database.prepare('RELEASE one')]
  const log = openWriteAheadLog(database)
  const dataVersion = database.prepare('PRAGMA data_version')
  const lastIndex = database.prepare('SELECT max(idx) AS idx FROM entries WHERE stream = ?')
  const insertEntry = database.prepare(insertSql(sqliteDialect, 'entries', entryColumns))
  const raiseTime = database.prepare(`UPDATE meta SET value = ? WHERE id = 'highest-time-ms' AND value < ?`)
  const nextIndexes = new Map<string, number>()
  let version = readVersion()

  function readVersion(): number {
    return Number(dataVersion.get()?.['data_version'])
  }

  function sawForeignWrite(): boolean {
    const before = version
    version = readVersion()
    if (version === before) return false
    nextIndexes.clear()
    return true
  }

  function prepare(statement: Statement): StatementSync {
    let found = prepared.get(statement)
    if (found === undefined) {
      found = database.prepare(statement.sql)
      prepared.set(statement, found)
    }
    return found
  }

  function runStep({ statement, values }: Step): void {
    const runnable = prepare(statement)
    const rows = statement.kind === 'read' ? runnable.all(...values).length : Number(runnable.run(...values).changes)
    if (statement.rows !== null && rows !== statement.rows) throw new OutOfDate(statement.table)
  }

  function append({ stream, id, atMs, target, leaf, details }: LogAppend): number {
    const index = nextIndexes.get(stream) ?? Number(lastIndex.get(stream)?.['idx'] ?? -1) + 1
    insertEntry.run(stream, index, id, atMs, target, leaf, details)
    if (nextIndexes.size >= streamsMax) nextIndexes.clear()
    nextIndexes.set(stream, index + 1)
    return index
  }

  /** @throws HalfApplied when there is something to undo, and whatever the database itself is in trouble with */
  function run(plan: CommitPlan): Outcome {
    let table = ''
    let changed = false
    try {
      for (const step of plan.steps) {
        table = step.statement.table
        runStep(step)
        changed ||= step.statement.kind === 'write'
      }
      table = 'entries'
      return plan.appends.map((entry) => {
        const index = append(entry)
        changed = true
        return index
      })
    } catch (error) {
      if (troubleOf(error) !== null) throw error
      const failure = failureOf(table, error)
      if (changed) throw new HalfApplied(failure)
      return failure
    }
  }

  /** The same in a savepoint, so that half a commit can be undone. */
  function runIsolated(plan: CommitPlan): Outcome {
    save.run()
    let outcome: Outcome
    try {
      outcome = run(plan)
    } catch (error) {
      if (!(error instanceof HalfApplied)) throw error
      outcome = error.failure
      nextIndexes.clear()
      database.exec('ROLLBACK TO one')
    }
    release.run()
    return outcome
  }

  const failureOf = (table: string, error: unknown): Failure =>
    error instanceof OutOfDate
      ? { kind: 'conflict', conflict: 'version', table, constraint: '' }
      : statementFailure(database, table, error)

  function open(): void {
    begin.run()
    if (sawForeignWrite()) options.onForeignWrite()
  }

  function close(plans: readonly CommitPlan[], outcomes: readonly Outcome[]): void {
    let highestMs = 0
    for (const [position, { atMs }] of plans.entries()) {
      if (atMs > highestMs && !isFailure(outcomes[position] as Outcome)) highestMs = atMs
    }
    if (highestMs > 0) raiseTime.run(highestMs, highestMs)
    commit.run()
  }

  function abandon(): void {
    nextIndexes.clear()
    // Some errors have ended the transaction already (https://sqlite.org/lang_transaction.html §3).
    if (database.isTransaction) database.exec('ROLLBACK')
  }

  /** The whole flush once more, with every commit on its own. */
  function applyAgain(plans: readonly CommitPlan[]): readonly Outcome[] {
    try {
      open()
      const outcomes = plans.map(runIsolated)
      close(plans, outcomes)
      return outcomes
    } catch (error) {
      abandon()
      const failure: Failure = { kind: troubleOf(error) ?? 'defect', message: messageOf(error) }
      return plans.map(() => failure)
    }
  }

  let plans: CommitPlan[] = []
  let outcomes: Outcome[] = []
  let spoiled = false
  /** An erasure was committed, and what it erased may still stand in the log; also in one that was left by a server that was killed. */
  let erasureInLog = log.holdsBytes()

  /** Does a part of the flush's first attempt. What goes wrong in it is dealt with by the second. */
  function attempt(work: () => void): void {
    if (spoiled) return
    try {
      work()
    } catch {
      abandon()
      spoiled = true
    }
  }

  return {
    log,
    apply(more) {
      attempt(() => {
        if (plans.length === 0 && more.length > 0) open()
        for (const plan of more) outcomes.push(run(plan))
      })
      plans.push(...more)
    },
    finish() {
      if (plans.length > 0) attempt(() => close(plans, outcomes))
      const finished = spoiled ? applyAgain(plans) : outcomes
      const erasures = plans.filter(({ erases }, position) => erases && !isFailure(finished[position] as Outcome))
      plans = []
      outcomes = []
      spoiled = false
      if (erasures.some(({ steps }) => steps.length > 0)) erasureInLog = !log.empty()
      // One that writes nothing asks for what was deleted before. It may come again and again, and nobody waits for it.
      else if (erasures.length > 0) erasureInLog = true
      return finished
    },
    finishErasures() {
      if (!erasureInLog) return
      database.exec('PRAGMA busy_timeout = 0')
      erasureInLog = !log.empty()
      database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`)
    },
    sawForeignWrite,
  }
}
