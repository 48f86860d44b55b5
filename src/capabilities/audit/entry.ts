/**
 * The leaf: what the audit log says for ever.
 *
 * RFC 8785 canonical JSON, at most 65,535 bytes (C2SP tlog-tiles, entry bundles). It holds ids, fixed words, times,
 * digests and salted commitments, never personal data: that lies beside the leaf, sealed under the key of the person it
 * is about. This format is final: `v` is 1 from the first entry on, and a reader refuses any other.
 *
 * @module
 */
import { assert } from '#core/base/assert'
import { toTimestamp } from '#core/base/clock'
import { canonicalJson, type JsonObject, type JsonValue } from '#core/base/json'
import { auditFaults } from './faults.ts'

export const leafBytesMax = 65_535

/** One row version that this entry wrote. `digest` is base64url of the salted SHA-256, '' when the row was deleted. */
export interface RowMark {
  readonly table: string
  readonly id: string
  readonly version: number
  readonly digest: string
}

/** A salted commitment to details that lie beside the leaf. */
export interface DetailMark {
  readonly subject: string
  readonly commitment: string
}

/** Who did it: a principal by one of its keys, or a part of the system itself. */
export type Actor = { readonly principal: string; readonly key: string; readonly workspace: string } | { readonly system: string }

export interface Entry {
  readonly v: 1
  readonly id: string
  readonly workspace: string
  readonly at: string
  readonly event: string
  readonly operation: string
  readonly actor: Actor
  readonly target: string
  readonly facts: JsonObject
  readonly rows: readonly RowMark[]
  readonly details: readonly DetailMark[]
  /** Details existed and could not be sealed (the key process was gone); only takings-away go on like that. */
  readonly withheld?: true
}

/** The bytes that are hashed. @throws Fault audit/entry-too-large */
export function encodeEntry(entry: Omit<Entry, 'v' | 'at'> & { readonly atMs: number }): Buffer {
  const { atMs, ...rest } = entry
  // Marks and actors are plain JSON; their interfaces lack the index signature that JsonObject asks for.
  const leaf = Buffer.from(canonicalJson({ v: 1, at: toTimestamp(atMs), ...rest } as unknown as JsonObject), 'utf8')
  if (leaf.length > leafBytesMax) {
    throw auditFaults['entry-too-large']('Change less at once: what this writes does not fit one audit entry of 65,535 bytes.')
  }
  return leaf
}

/** Reads a leaf back. Refuses what it does not understand: null when it is not an entry of version 1, in canonical form. */
export function decodeEntry(leaf: Uint8Array): Entry | null {
  if (leaf.length > leafBytesMax) return null
  const value = parse(Buffer.from(leaf).toString('utf8'))
  if (!isObject(value) || !hasShape(value, entryShape)) return null
  if (!isCanonical(value, leaf)) return null
  const entry = value as unknown as Entry
  assert(entry.v === 1, 'A5: an entry has version 1')
  return entry
}

/** Compared as bytes: what is not UTF-8 would have become something else as text. */
function isCanonical(value: JsonObject, leaf: Uint8Array): boolean {
  try {
    return Buffer.from(canonicalJson(value), 'utf8').equals(leaf)
  } catch {
    // A lone surrogate, or nesting so deep that it ends the stack.
    return false
  }
}

function parse(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return null
  }
}

type Test = (value: JsonValue) => boolean
/** What each member must be. A name that ends in `?` may be absent; one that is not here may not be there. */
type Shape = Readonly<Record<string, Test>>

const isObject = (value: JsonValue | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)
const isText: Test = (value) => typeof value === 'string'
const isTimestamp: Test = (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value)) && toTimestamp(Date.parse(value)) === value
const isShaped = (shape: Shape): Test => (value) => isObject(value) && hasShape(value, shape)
const isListOf = (test: Test): Test => (value) => Array.isArray(value) && value.every(test)

function hasShape(value: JsonObject, shape: Shape): boolean {
  const known = Object.keys(value).every((name) => Object.hasOwn(shape, name) || Object.hasOwn(shape, `${name}?`))
  return known && Object.entries(shape).every(([name, test]) => {
    const member = value[name.replace('?', '')]
    return member === undefined ? name.endsWith('?') : test(member)
  })
}

const row: Shape = { table: isText, id: isText, version: Number.isSafeInteger, digest: isText }
const detail: Shape = { subject: isText, commitment: isText }
const principalActor = isShaped({ principal: isText, key: isText, workspace: isText })
const systemActor = isShaped({ system: isText })
const entryShape: Shape = {
  v: (value) => value === 1, id: isText, workspace: isText, at: isTimestamp, event: isText, operation: isText, target: isText,
  actor: (value) => principalActor(value) || systemActor(value),
  facts: isObject, rows: isListOf(isShaped(row)), details: isListOf(isShaped(detail)), 'withheld?': (value) => value === true,
}
