/**
 * Row cache: guarded rows that were read and found genuine, kept while this process is the database's only writer.
 *
 * A row is dropped by the commit that writes it, before that commit's caller hears of it, and all of them when somebody
 * else has written. What was read while its table changed is not kept: it may be older than the change.
 *
 * @module
 */
import type { Storage } from './storage.ts'
import type { StoredRow } from './row-guard.ts'
import type { RowBase, Table } from './table.ts'

export interface RowCache {
  get<Row extends RowBase>(table: Table<Row>, id: string): StoredRow<Row> | undefined
  /** To be asked before a row is read, and handed to `put` with it. */
  moment(table: Table): number
  put<Row extends RowBase>(table: Table<Row>, row: StoredRow<Row>, moment: number): void
  clear(): void
}

/** The one that was read first gives way to the next. */
export const rowsMax = 4_096

/** Null where other servers write too: there every read asks the database. */
export function createRowCache(storage: Pick<Storage, 'exclusive' | 'onCommitted' | 'onForeignWrite'>): RowCache | null {
  if (!storage.exclusive) return null
  const rows = new Map<string, StoredRow<RowBase>>()
  const changes = new Map<Table, number>()
  let foreignWrites = 0

  storage.onCommitted((commit) => {
    for (const write of commit.writes) {
      if (!write.table.guarded || write.kind === 'merge') continue
      changes.set(write.table, (changes.get(write.table) ?? 0) + 1)
      rows.delete(idOf(write.table, write.kind === 'delete' ? write.id : write.row.id))
    }
  })
  function clear(): void {
    foreignWrites++
    rows.clear()
  }
  storage.onForeignWrite(clear)

  const moment = (table: Table): number => foreignWrites + (changes.get(table) ?? 0)
  return {
    moment,
    clear,
    // Whoever puts a row under a table's name took it from that table.
    get: <Row extends RowBase>(table: Table<Row>, id: string) => rows.get(idOf(table, id)) as StoredRow<Row> | undefined,
    put(table, row, since) {
      if (since !== moment(table)) return
      const id = idOf(table, row.id)
      if (rows.size >= rowsMax && !rows.has(id)) rows.delete(rows.keys().next().value as string)
      rows.set(id, row)
    },
  }
}

const idOf = (table: Table, id: string): string => `${table.name}/${id}`
