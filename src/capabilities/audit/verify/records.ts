/**
 * Rows and blocks as text: one spelling each, so that whatever was changed in a file or on a wire is noticed.
 *
 * @module
 */
import { canonicalJson, type JsonObject, type JsonValue } from '#core/base/json'
import { parseStrictJson, StrictJsonError } from '#core/base/strict-json'
import type { SealedDetail } from '../details.ts'
import type { DetailMark } from '../entry.ts'
import type { BlockRecord, RowRecord } from './source.ts'

/** An entry that no checkpoint covers yet. */
export interface LeafRecord {
  readonly index: number
  readonly leaf: Uint8Array
}

export const encodeRow = ({ table, id, row, salt, head }: RowRecord): string =>
  canonicalJson({ table, id, row, salt: Buffer.from(salt).toString('base64url'), head: head === null ? null : { ...head } })

export const encodeBlock = ({ id, environment, uses, from, to, sections }: BlockRecord): string =>
  canonicalJson({ id, environment, uses, from, to, sections: Buffer.from(sections).toString('base64url') })

export const encodeCheckpointLine = (checkpoint: string): string => canonicalJson({ checkpoint })

export const encodeLeaf = ({ index, leaf }: LeafRecord): string => canonicalJson({ index, leaf: Buffer.from(leaf).toString('base64url') })

/** Each reads what its `encode…` wrote, and answers null for any other text, be it only another spelling. */
export const parseRow = (text: Uint8Array): RowRecord | null => exactly(text, rowOf, encodeRow)
export const parseBlock = (text: Uint8Array): BlockRecord | null => exactly(text, blockOf, encodeBlock)
export const parseCheckpointLine = (text: Uint8Array): string | null => exactly(text, checkpointOf, encodeCheckpointLine)
export const parseLeaf = (text: Uint8Array): LeafRecord | null => exactly(text, leafOf, encodeLeaf)

function exactly<Record>(text: Uint8Array, read: (value: JsonValue) => Record | null, encode: (record: Record) => string): Record | null {
  const record = read(parseStrict(text))
  return record !== null && Buffer.from(encode(record), 'utf8').equals(text) ? record : null
}

/** A row out of parsed JSON; null when a member is missing or not what it must be. */
export function rowOf(value: JsonValue): RowRecord | null {
  if (!isObject(value)) return null
  const { table, id, row, head } = value
  const salt = bytesOf(value['salt'])
  if (typeof table !== 'string' || typeof id !== 'string' || salt === null) return null
  if (row !== null && !isObject(row)) return null
  if (head === null) return { table, id, row, salt, head }
  if (!isObject(head)) return null
  const { version, digest } = head
  if (typeof version !== 'number' || typeof digest !== 'string') return null
  return { table, id, row, salt, head: { version, digest } }
}

/** A block out of parsed JSON; null when a member is missing or not what it must be. */
export function blockOf(value: JsonValue): BlockRecord | null {
  if (!isObject(value)) return null
  const { id, environment, uses, from, to } = value
  const sections = bytesOf(value['sections'])
  if (typeof id !== 'string' || typeof environment !== 'string' || typeof uses !== 'number' || typeof from !== 'string' || typeof to !== 'string') return null
  return sections === null ? null : { id, environment, uses, from, to, sections }
}

/** Uses of one subject in a block: what is committed to, and what is sealed, where that can be seen. */
export interface Section {
  readonly mark: DetailMark
  readonly detail: SealedDetail | null
}

/** A block's sections; null when they are not spelt as the sealer spells them. */
export function sectionsIn(sections: Uint8Array): readonly Section[] | null {
  const bytes = Buffer.from(sections)
  const value = parsePlain(bytes.toString('utf8'))
  if (!Array.isArray(value)) return null
  const list = value as readonly JsonValue[]
  return list.every(isSection) && Buffer.from(JSON.stringify(list), 'utf8').equals(bytes) ? list : null
}

/** A block's sections without what is sealed in them: all that the commitment covers, and nobody's data. */
export function withoutSealed(sections: Uint8Array): Buffer | null {
  const list = sectionsIn(sections)
  return list === null ? null : Buffer.from(JSON.stringify(list.map(({ mark }) => ({ mark, detail: null }))), 'utf8')
}

/** Whether it has the shape of what the sealer puts into a block. */
export function isSection(value: JsonValue): value is { readonly mark: JsonObject & DetailMark; readonly detail: (JsonObject & SealedDetail) | null } {
  if (!isObject(value) || Object.keys(value).join() !== 'mark,detail') return false
  const mark = value['mark'] ?? null
  const detail = value['detail'] ?? null
  if (!isObject(mark) || Object.keys(mark).join() !== 'subject,commitment') return false
  if (typeof mark['subject'] !== 'string' || typeof mark['commitment'] !== 'string') return false
  if (detail === null) return true
  return isObject(detail) && Object.keys(detail).join() === 'subject,sealed' &&
    typeof detail['subject'] === 'string' && typeof detail['sealed'] === 'string'
}

const checkpointOf = (value: JsonValue): string | null =>
  isObject(value) && typeof value['checkpoint'] === 'string' ? value['checkpoint'] : null

function leafOf(value: JsonValue): LeafRecord | null {
  if (!isObject(value)) return null
  const { index } = value
  const leaf = bytesOf(value['leaf'])
  return typeof index === 'number' && leaf !== null ? { index, leaf } : null
}

function parseStrict(text: Uint8Array): JsonValue {
  try {
    return parseStrictJson(text)
  } catch (error) {
    if (error instanceof StrictJsonError) return null
    throw error
  }
}

/** A block has more sections than strict JSON allows values; that it comes back the same makes it as strict. */
function parsePlain(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const isObject = (value: JsonValue | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)

/** base64url without padding, as `Buffer` writes it. */
function bytesOf(value: JsonValue | undefined): Buffer | null {
  if (typeof value !== 'string') return null
  const bytes = Buffer.from(value, 'base64url')
  return bytes.toString('base64url') === value ? bytes : null
}
