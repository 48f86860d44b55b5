import { assert } from '#core/base/assert'

/**
 * How a column is stored and compared. `json` is RFC 8785 text on both engines, so that a digest over it is the same
 * everywhere; `integer` is a 53-bit safe integer (times are milliseconds since the epoch).
 */
export type ColumnType = 'text' | 'integer' | 'blob' | 'json'

export interface Column {
  readonly type: ColumnType
  /** Stands in the digest as its SHA-256, so that a digest can be checked by someone who may not see the value. */
  readonly sensitive?: true
  /** How `merge` writes combine the stored value with the new one; absent: the new one replaces it. */
  readonly merge?: 'sum' | 'max'
}

/** What every row has: its id, and how often it was written (1 when inserted). */
export interface RowBase {
  readonly id: string
  readonly version: number
}

/** A column's value as our code sees it; `json` columns hold canonical text, parsed by their room. */
export type ColumnValue = string | number | Uint8Array | null

export interface Table<Row extends RowBase = RowBase> {
  readonly name: string
  readonly columns: ReadonlyMap<string, Column>
  /** Decides access: its rows carry a salt and a MAC over their content, and their digests stand in the audit log. */
  readonly guarded: boolean
  /** Never there: carries the row's type, so that a commit cannot pair a table with another table's row. */
  readonly rowType?: Row
}

/** Every table by name: what the audit log's replay walks. */
export const tables = new Map<string, Table>()

/** Declares a table. Its SQL stands in the room's migration; this is what commits, guards and replays need of it. */
export function defineTable<Row extends RowBase>(
  name: string,
  options: { readonly guarded?: boolean; readonly columns: { readonly [Name in Exclude<keyof Row & string, 'id' | 'version'>]: ColumnType | Column } },
): Table<Row> {
  assert(!tables.has(name), `S1: table ${name} is declared once`)
  const entries: [string, Column][] = [['id', { type: 'text' }], ['version', { type: 'integer' }]]
  for (const [column, spec] of Object.entries<ColumnType | Column>(options.columns)) {
    entries.push([column, typeof spec === 'string' ? { type: spec } : spec])
  }
  // In the order of canonical JSON, so that digests need not sort them for every row.
  entries.sort(([one], [other]) => (one < other ? -1 : 1))
  const table: Table<Row> = { name, guarded: options.guarded ?? false, columns: new Map(entries) }
  tables.set(name, table)
  return table
}
