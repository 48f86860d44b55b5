/** Pages of guarded rows: the newest first, none hidden, each with whether it is to be believed. */
import { sql, type RawBuilder } from 'kysely'
import { cursorOf, newestFirst, olderThan, positionOf, type Position } from '#core/http/newest-first'
import { listLimitDefault } from '#core/http/schema'
import { isCurrent, type GuardedRow, type HeadedRow } from '#core/storage/guarded-read'
import type { RowBase, Table } from '#core/storage/table'
import type { KeysServices } from './services.ts'

export interface PageQuery {
  readonly limit?: number
  readonly cursor?: string
}

export interface Page<Item> {
  readonly items: Item[]
  readonly nextCursor: string | null
}

export const limitOf = ({ limit }: PageQuery): number => limit ?? listLimitDefault

/** @param where over the table's rows, which it calls `t` */
export async function readPage<Row extends RowBase & Position, Item>(
  { storage, guard }: Pick<KeysServices, 'storage' | 'guard'>,
  list: { readonly operation: string; readonly table: Table<Row>; readonly where: RawBuilder<unknown>; readonly query: PageQuery },
  present: (found: GuardedRow<Row>) => Item,
): Promise<Page<Item>> {
  const { operation, table, where, query } = list
  const limit = limitOf(query)
  const result = await sql<HeadedRow<Row>>`SELECT t.*, h.version AS head_version FROM ${sql.table(table.name)} t
    LEFT JOIN row_heads h ON h.id = ${`${table.name}/`} || t.id
    WHERE ${where} AND ${olderThan('t', positionOf(operation, query))} ${newestFirst('t')} LIMIT ${limit + 1}`.execute(storage.reader<never>())
  const rows = result.rows.slice(0, limit)
  const last = result.rows.length > limit ? rows.at(-1) : undefined
  return {
    items: rows.map((row) => present({ row, genuine: isCurrent(guard, table, row) })),
    nextCursor: last === undefined ? null : cursorOf(operation, last),
  }
}
