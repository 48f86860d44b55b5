/**
 * Plans: what a commit does to the database, statement by statement, worked out before the database is touched.
 *
 * Invariant S6: what is bound is what its column says: text that both engines can hold, 53-bit integers, bytes.
 * Invariant S7: a guarded row is written with its seal, and its head with it.
 *
 * @module
 */
import { assert } from '#core/base/assert'
import type { Commit, LogAppend, RowWrite, Seal } from './commit.ts'
import { rowHeadDeleted } from './row-guard.ts'
import { headStatement, tableStatements } from './sql.ts'
import type { Dialect, SqlValue, Statement, TableStatements } from './sql.ts'
import type { Column, RowBase, Table } from './table.ts'

export interface Step {
  readonly statement: Statement
  readonly values: readonly SqlValue[]
}

/** A commit, planned. Its steps come in the order in which they must run: what is expected before what is written. */
export interface CommitPlan {
  readonly atMs: number
  readonly takesAway: boolean
  readonly erases: boolean
  readonly steps: readonly Step[]
  readonly appends: readonly LogAppend[]
}

/** What must be silent stands among the steps as what must be at its version does, so both are looked at in the commit (S12). */
export function createPlanner(dialect: Dialect): (commit: Commit) => CommitPlan {
  const known = new Map<Table, TableStatements>()
  const head = headStatement(dialect)

  function statementsOf(table: Table): TableStatements {
    let statements = known.get(table)
    if (statements === undefined) {
      statements = tableStatements(dialect, table)
      known.set(table, statements)
    }
    return statements
  }

  const headStep = (table: Table, id: string, version: number, digest: string): Step => ({
    statement: head,
    values: [headId(table, id), version, digest],
  })

  function planWrite(write: RowWrite, steps: Step[], locks: Step[]): void {
    const { table } = write
    const statements = statementsOf(table)
    if (write.kind === 'merge') {
      assert(!table.guarded, 'S7: a guarded row is never merged')
      assert(statements.merge !== null, 'S6: bytes are not merged')
      steps.push({ statement: statements.merge, values: [mergedRows(statements, write.rows)] })
      return
    }
    if (write.kind === 'delete') {
      assert(write.version > 1, 'S6: a deletion raises the version that was read')
      steps.push({ statement: statements.remove, values: [write.id, write.version - 1] })
      if (table.guarded) steps.push(headStep(table, write.id, write.version, rowHeadDeleted))
      return
    }
    const { row, seal } = write
    assert(table.guarded === (seal !== undefined), 'S7: a guarded row is written with its seal, another without')
    const values = rowValues(statements, row, seal)
    if (write.kind === 'insert') {
      assert(row.version === 1, 'S6: a new row has version 1')
      if (dialect.takeId !== null) locks.push({ statement: dialect.takeId, values: [headId(table, row.id)] })
      steps.push({ statement: statements.insert, values })
    } else {
      assert(row.version > 1, 'S6: an update raises the version that was read')
      values.push(row.id, row.version - 1)
      steps.push({ statement: statements.update, values })
    }
    if (seal !== undefined) steps.push(headStep(table, row.id, row.version, headDigest(seal)))
  }

  return (commit) => {
    assert(Number.isSafeInteger(commit.atMs) && commit.atMs >= 0, 'S6: a commit carries its time in whole milliseconds')
    const steps: Step[] = []
    const locks: Step[] = []
    for (const { table, id, version } of commit.expects) {
      const statements = statementsOf(table)
      if (version > 0) {
        steps.push({ statement: statements.present, values: [id, version] })
        continue
      }
      if (dialect.keepIdFree !== null) locks.push({ statement: dialect.keepIdFree, values: [headId(table, id)] })
      steps.push({ statement: statements.absent, values: [id] })
    }
    for (const write of commit.writes) planWrite(write, steps, locks)
    for (const { stream, from, text } of commit.silences ?? []) {
      assert(Number.isSafeInteger(from) && from >= 0 && text !== '', 'S6: a silence begins at an index, and is about something')
      steps.push({ statement: dialect.silence, values: [stream, from, Buffer.from(text, 'utf8')] })
    }
    for (const append of commit.appends) assertAppend(append)
    const ordered = locks.length === 0 ? steps : [...locks.sort(byLockedId), ...steps]
    return { atMs: commit.atMs, takesAway: commit.takesAway, erases: commit.erases ?? false, steps: ordered, appends: commit.appends }
  }
}

/** Everybody locks ids in the same order, so that no two wait for each other. */
const byLockedId = (one: Step, other: Step): number => (String(one.values[0]) < String(other.values[0]) ? -1 : 1)

/** The id of a row's head; also what names a row across tables. */
const headId = (table: Table, id: string): string => `${table.name}/${id}`

const headDigest = (seal: Seal): string => Buffer.from(seal.digest).toString('base64url')

function rowValues(statements: TableStatements, row: RowBase, seal?: Seal): SqlValue[] {
  const content = row as RowBase & Readonly<Record<string, unknown>>
  const values = statements.columns.map(([name, column]) => bindable(column, content[name]))
  if (seal !== undefined) values.push(seal.salt, seal.mac)
  return values
}

/** Many rows as one value: a step for each would cost more than what they change. */
function mergedRows(statements: TableStatements, rows: readonly RowBase[]): string {
  for (let index = 1; index < rows.length; index++) {
    assert(rows[index - 1]!.id < rows[index]!.id, 'S6: merged rows come in the order of their ids, each once')
  }
  return JSON.stringify(rows.map((row) => rowValues(statements, row)))
}

function bindable(column: Column, value: unknown): SqlValue {
  if (value === null) return null
  if (column.type === 'integer') {
    assert(Number.isSafeInteger(value), 'S6: an integer column holds a safe integer')
    return value as number
  }
  if (column.type === 'blob') {
    assert(value instanceof Uint8Array, 'S6: a blob column holds bytes')
    return value
  }
  assert(typeof value === 'string' && isStorable(value), 'S6: a text column holds well-formed text without NUL')
  return value
}

/** PostgreSQL's text has no NUL, and neither engine's UTF-8 has lone surrogates. */
const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

function assertAppend(append: LogAppend): void {
  assert(Number.isSafeInteger(append.atMs), 'S6: an entry carries its time in whole milliseconds')
  assert(append.stream !== '' && append.id !== '', 'S6: an entry has a stream and an id')
  const found = isStorable(append.stream) && isStorable(append.id) && isStorable(append.target)
  assert(found, 'S6: an entry is found by well-formed text')
}
