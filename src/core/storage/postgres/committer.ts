import type { Pool, PoolClient, QueryResult } from 'pg'
import type { LogAppend } from '../commit.ts'
import { failureError, type Failure } from '../failure.ts'
import type { CommitPlan, Step } from '../plan.ts'
import { insertSql } from '../sql.ts'
import { postgresDialect } from './dialect.ts'
import { failureOf } from './errors.ts'

const pendingColumns = ['stream', 'id', 'at_ms', 'target', 'leaf', 'details']
const insertPending = insertSql(postgresDialect, 'entries_pending', pendingColumns)
const insertMark = insertSql(postgresDialect, 'time_marks', ['at_ms'])

/**
 * Applies one planned commit in a transaction of its own: all statements in one round trip, the verdict in a second.
 *
 * READ COMMITTED suffices: every row that a decision rests on is either written at the version that was read, or locked
 * by its expectation, each by a statement that waits for whoever is changing it and sees the newest committed version.
 *
 * @param markTime whether nothing else in the database will tell of the commit's time
 * @throws CommitConflict, and Fault as `Storage.commit` says
 */
export async function applyPlan(pool: Pool, plan: CommitPlan, markTime: boolean): Promise<void> {
  const client = await pool.connect().catch((error: unknown) => {
    throw failureError(failureOf(error))
  })
  const failure = await transact(client, plan, markTime)
  if (failure !== null) throw failureError(failure)
}

async function transact(client: PoolClient, plan: CommitPlan, markTime: boolean): Promise<Failure | null> {
  try {
    const failure = await execute(client, plan, markTime)
    await client.query(failure === null ? 'COMMIT' : 'ROLLBACK')
    client.release()
    return failure
  } catch (error) {
    // The connection is in no known state: it is closed, and PostgreSQL undoes what it had open.
    client.release(true)
    return failureOf(error)
  }
}

async function execute(client: PoolClient, plan: CommitPlan, markTime: boolean): Promise<Failure | null> {
  const { atMs, steps, appends } = plan
  const sent: Promise<QueryResult>[] = [client.query('BEGIN')]
  for (const { statement, values } of steps) sent.push(client.query(statement.sql, [...values]))
  for (const append of appends) sent.push(client.query(insertPending, pendingValues(append)))
  if (markTime) sent.push(client.query(insertMark, [atMs]))
  // The first to fail is the cause; those behind it are told that the transaction is aborted.
  const [, ...results] = await Promise.allSettled(sent)
  for (const [position, result] of results.entries()) {
    if (result.status === 'rejected') return failureOf(result.reason)
    const step = steps[position]
    if (step !== undefined && isOutOfDate(step, result.value)) {
      return { kind: 'conflict', conflict: 'version', table: step.statement.table, constraint: '' }
    }
  }
  return null
}

const isOutOfDate = ({ statement }: Step, result: QueryResult): boolean =>
  statement.rows !== null && result.rowCount !== statement.rows

const pendingValues = ({ stream, id, atMs, target, leaf, details }: LogAppend) =>
  [stream, id, atMs, target, leaf, details]
