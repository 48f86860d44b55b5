/**
 * Lists that go from the newest to the oldest: what was made while somebody turns pages stands before the first page, so
 * nothing is shown twice and nothing that was there is left out.
 *
 * @module
 */
import { sql, type RawBuilder } from 'kysely'
import { decodeCursor, encodeCursor } from './cursor.ts'

/** Where something stands in such a list. Times alone are not unique; ids break ties. */
export interface Position {
  readonly created_at_ms: number
  readonly id: string
}

/** Where a page begins: after this position; null at the beginning. @throws Fault http/invalid-cursor */
export function positionOf(operation: string, { cursor }: { readonly cursor?: string }): Position | null {
  if (cursor === undefined) return null
  const [atMs, id] = decodeCursor(operation, cursor, ['number', 'string'])
  return { created_at_ms: atMs, id }
}

export const cursorOf = (operation: string, { created_at_ms, id }: Position): string => encodeCursor(operation, [created_at_ms, id])

const columns = (alias: string): RawBuilder<unknown> => sql`(${sql.ref(`${alias}.created_at_ms`)}, ${sql.ref(`${alias}.id`)})`
const values = ({ created_at_ms, id }: Position): RawBuilder<unknown> => sql`(${created_at_ms}, ${id})`

/** What comes after a position. As one comparison of pairs, which both engines answer from an index. */
export const olderThan = (alias: string, position: Position | null): RawBuilder<boolean> =>
  position === null ? sql<boolean>`1 = 1` : sql<boolean>`${columns(alias)} < ${values(position)}`

/** What comes no later than a position: the position itself, and what is newer. */
export const downTo = (alias: string, position: Position): RawBuilder<boolean> => sql<boolean>`${columns(alias)} >= ${values(position)}`

export const newestFirst = (alias: string): RawBuilder<unknown> => sql`ORDER BY ${sql.ref(`${alias}.created_at_ms`)} DESC, ${sql.ref(`${alias}.id`)} DESC`
