/**
 * Reads of guarded rows: nothing that decides access is believed before its MAC and its head agree.
 *
 * The MAC shows that we wrote the row; the head, kept beside it by every commit, that it is the newest version. So a row
 * edited by hand, swapped with another or restored from an older copy is noticed when it is read.
 *
 * @module
 */
import { sql, type Kysely } from 'kysely'
import { storageFaults } from './faults.ts'
import type { RowGuard, StoredRow } from './row-guard.ts'
import type { RowBase, Table } from './table.ts'

export interface GuardedRow<Row extends RowBase> {
  readonly row: StoredRow<Row>
  /** False when somebody other than a commit of ours put it there. */
  readonly genuine: boolean
}

/** A row read together with the version its head says it has; null when there is no head. */
export type HeadedRow<Row extends RowBase> = StoredRow<Row> & { readonly head_version: number | null }

export const isCurrent = <Row extends RowBase>(guard: RowGuard, table: Table<Row>, row: HeadedRow<Row>): boolean =>
  row.head_version === row.version && guard.isGenuine(table, row)

/** One row by id, whatever its state; null when there is none. */
export async function readGuarded<Row extends RowBase>(
  reader: Kysely<never>, guard: RowGuard, table: Table<Row>, id: string,
): Promise<GuardedRow<Row> | null> {
  const known = guard.cache?.get(table, id)
  if (known !== undefined) return { row: known, genuine: true }
  const moment = guard.cache?.moment(table) ?? 0
  const name = sql.table(table.name)
  const result = await sql<HeadedRow<Row>>`SELECT t.*, h.version AS head_version FROM ${name} t
    LEFT JOIN row_heads h ON h.id = ${`${table.name}/`} || t.id WHERE t.id = ${id}`.execute(reader)
  const row = result.rows[0]
  if (row === undefined) return null
  const genuine = isCurrent(guard, table, row)
  if (genuine) guard.cache?.put(table, row, moment)
  return { row, genuine }
}

/** One row by id that may be relied on. @throws Fault storage/tampered */
export async function readGenuine<Row extends RowBase>(
  reader: Kysely<never>, guard: RowGuard, table: Table<Row>, id: string,
): Promise<Row | null> {
  const found = await readGuarded(reader, guard, table, id)
  if (found === null) return null
  if (!found.genuine) throw tampered(table, id)
  return found.row
}

export const tampered = (table: Table, id: string) =>
  storageFaults.tampered('What is stored here was not written by Claviger, or is not its newest version. Run `claviger audit verify`.', {
    context: { table: table.name, id },
  })
