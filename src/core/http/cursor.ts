/**
 * Cursors: where a list goes on.
 *
 * A cursor holds the values of the last item that the list is ordered by, and gives nothing that a query would not, so
 * it is not signed; but it is read strictly, and only by the list that wrote it.
 *
 * @module
 */
import { canonicalJson, type JsonValue } from '#core/base/json'
import { parseStrictJson } from '#core/base/strict-json'
import { httpFaults } from './faults.ts'

type CursorValue = string | number
type ShapeOf = readonly ('string' | 'number')[]
type ValuesOf<Shape extends ShapeOf> = { -readonly [Index in keyof Shape]: Shape[Index] extends 'string' ? string : number }

/** @param operation id of the list's operation */
export const encodeCursor = (operation: string, values: readonly CursorValue[]): string =>
  Buffer.from(canonicalJson([operation, ...values]), 'utf8').toString('base64url')

/**
 * Reads what `encodeCursor` wrote for the same operation.
 *
 * @param shape the type of each value
 * @throws Fault http/invalid-cursor for anything else: another list's cursor, one cut short, another spelling
 */
export function decodeCursor<const Shape extends ShapeOf>(operation: string, text: string, shape: Shape): ValuesOf<Shape> {
  const values = read(text)
  if (values === null || values.length !== shape.length + 1 || values[0] !== operation) throw invalidCursor()
  const position = values.slice(1)
  if (!shape.every((type, index) => typeof position[index] === type && (type === 'string' || Number.isSafeInteger(position[index])))) throw invalidCursor()
  return position as ValuesOf<Shape>
}

function read(text: string): readonly JsonValue[] | null {
  const bytes = Buffer.from(text, 'base64url')
  // Buffer skips what is not base64url, so only what comes back the same was written so.
  if (bytes.toString('base64url') !== text) return null
  try {
    const value = parseStrictJson(bytes)
    return Array.isArray(value) && canonicalJson(value as readonly JsonValue[]) === bytes.toString('utf8') ? value : null
  } catch {
    return null
  }
}

const invalidCursor = () =>
  httpFaults['invalid-cursor']('Pass `nextCursor` of the page before, unchanged, to the same list; without a cursor the list starts anew.')
