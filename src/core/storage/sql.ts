/**
 * The SQL of every table's writes. Both engines run the same statements; a dialect holds the few words that differ.
 *
 * @module
 */
import type { Column, Table } from './table.ts'

/** A value as both drivers bind it. */
export type SqlValue = string | number | Uint8Array | null

export interface Statement {
  readonly table: string
  readonly sql: string
  readonly kind: 'read' | 'write'
  /** How many rows it must find or change, or the commit is out of date; null: any number. */
  readonly rows: 0 | 1 | null
}

export interface Dialect {
  readonly engine: 'sqlite' | 'postgres'
  /** The placeholder of the nth value, counted from 1. */
  readonly placeholder: (position: number) => string
  readonly greatest: 'max' | 'greatest'
  /** The elements of a JSON array that is bound, one a row, as `value`. */
  readonly jsonElements: string
  /** Of an array that is such an element, the text or integer at an index. */
  readonly jsonAt: (index: number, type: 'text' | 'integer') => string
  /** Keeps a row that was read as it is until the transaction ends. */
  readonly lockRow: '' | ' FOR SHARE'
  /** Keep an id free, and wait for those who do, until the transaction ends. Null where there is one writer. */
  readonly keepIdFree: Statement | null
  readonly takeId: Statement | null
  /** Finds an entry of a log, from an index on, whose leaf holds some bytes; also one that waits for its index. */
  readonly silence: Statement
}

export interface TableStatements {
  /** What `insert` and `update` bind, in that order: then salt and MAC where the table is guarded; then, for `update`, the
   * id and the version that was read. */
  readonly columns: readonly (readonly [name: string, column: Column])[]
  readonly insert: Statement
  readonly update: Statement
  readonly remove: Statement
  /** Binds many rows at once, as a JSON array of arrays in the order of `columns`; null where a column holds bytes. */
  readonly merge: Statement | null
  readonly present: Statement
  readonly absent: Statement
}

export function tableStatements(dialect: Dialect, table: Table): TableStatements {
  const { placeholder } = dialect
  const columns = [...table.columns]
  const names = [...columns.map(([name]) => name), ...(table.guarded ? ['salt', 'mac'] : [])]
  const insert = insertSql(dialect, table.name, names)
  const assigned = names.map((name, index) => `${name} = ${placeholder(index + 1)}`)
  const standing = `id = ${placeholder(names.length + 1)} AND version = ${placeholder(names.length + 2)}`
  const atVersion = `id = ${placeholder(1)} AND version = ${placeholder(2)}`
  const statement = (kind: Statement['kind'], rows: Statement['rows'], sql: string): Statement => ({
    table: table.name, sql, kind, rows,
  })
  return {
    columns,
    insert: statement('write', 1, insert),
    update: statement('write', 1, `UPDATE ${table.name} SET ${assigned.join(', ')} WHERE ${standing}`),
    remove: statement('write', 1, `DELETE FROM ${table.name} WHERE ${atVersion}`),
    merge: columns.some(([, { type }]) => type === 'blob') ? null : statement('write', null, mergeSql(dialect, table.name, columns)),
    present: statement('read', 1, `SELECT 1 FROM ${table.name} WHERE ${atVersion}${dialect.lockRow}`),
    absent: statement('read', 0, `SELECT 1 FROM ${table.name} WHERE id = ${placeholder(1)}`),
  }
}

function mergeSql(dialect: Dialect, table: string, columns: readonly (readonly [name: string, column: Column])[]): string {
  const names = columns.map(([name]) => name)
  const values = columns.map(([, { type }], index) => dialect.jsonAt(index, type === 'integer' ? 'integer' : 'text'))
  const merged = columns
    .filter(([name]) => name !== 'id')
    .map(([name, column]) => `${name} = ${mergedValue(dialect, table, name, column)}`)
  // `WHERE true`: or SQLite would read the conflict clause as a join's (https://sqlite.org/lang_upsert.html §2.2).
  return `INSERT INTO ${table} (${names.join(', ')}) SELECT ${values.join(', ')} FROM ${dialect.jsonElements} WHERE true
    ON CONFLICT (id) DO UPDATE SET ${merged.join(', ')}`
}

/** Upserts the head of a guarded row: which version of it is the newest, and that version's digest. */
export const headStatement = (dialect: Dialect): Statement => ({
  table: 'row_heads',
  sql: `${insertSql(dialect, 'row_heads', ['id', 'version', 'digest'])}
    ON CONFLICT (id) DO UPDATE SET version = excluded.version, digest = excluded.digest`,
  kind: 'write',
  rows: null,
})

export const insertSql = ({ placeholder }: Dialect, table: string, names: readonly string[]): string =>
  `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map((_, index) => placeholder(index + 1)).join(', ')})`

/** A null on either side counts for nothing: `max` of SQLite would return it, `greatest` of PostgreSQL ignores it. */
function mergedValue({ greatest }: Dialect, table: string, name: string, column: Column): string {
  const [stored, incoming] = [`${table}.${name}`, `excluded.${name}`]
  if (name === 'version') return `${stored} + 1`
  if (column.merge === 'sum') return `coalesce(${stored} + ${incoming}, ${stored}, ${incoming})`
  if (column.merge === 'max') return `coalesce(${greatest}(${stored}, ${incoming}), ${stored}, ${incoming})`
  return incoming
}
