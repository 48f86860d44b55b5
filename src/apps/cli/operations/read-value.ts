/**
 * From the text of a flag to the value that its schema wants. Only the form is checked here; what it may be in detail
 * is the server's to say, and its answer is shown at the flag.
 *
 * @module
 */
import { usageError } from '../exit.ts'
import type { Field, FieldKind, JsonSchema } from './fields.ts'

export type Value = null | boolean | number | string | readonly Value[] | { readonly [name: string]: Value }

/** @param texts each occurrence of the flag. @throws CliError usage */
export function readValue(field: Field, texts: readonly string[], nowMs: number): Value {
  const name = `--${field.flag}`
  if (field.kind === 'list') {
    return texts.flatMap((text) => text.split(',')).map((text) => text.trim()).filter((text) => text !== '')
      .map((text) => readScalar(field.elementKind, text, name, field.choices, nowMs))
  }
  if (field.kind === 'records') return texts.flatMap((text) => readRecords(field, text, name, nowMs))
  if (texts.length > 1) throw usageError(`${name} was given ${texts.length} times; it takes one value.`)
  return readScalar(field.kind, texts[0] ?? '', name, field.choices, nowMs)
}

function readScalar(kind: FieldKind, text: string, name: string, choices: readonly string[] | null, nowMs: number): Value {
  if (choices !== null && !choices.includes(text)) throw usageError(`${name} is one of: ${choices.join(', ')}.`)
  return readers[kind]?.(text, name, nowMs) ?? text
}

const readers: Partial<Record<FieldKind, (text: string, name: string, nowMs: number) => Value>> = {
  integer(text, name) {
    if (!/^-?(0|[1-9][0-9]{0,14})$/.test(text)) throw usageError(`${name} takes a whole number.`)
    return Number(text)
  },
  number(text, name) {
    if (!/^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,9})?$/.test(text)) throw usageError(`${name} takes a number.`)
    return Number(text)
  },
  boolean(text, name) {
    if (text !== 'true' && text !== 'false') throw usageError(`${name} is true or false.`)
    return text === 'true'
  },
  time: readTime,
  json(text, name) {
    try {
      return JSON.parse(text) as Value
    } catch {
      throw usageError(`${name} takes JSON.`)
    }
  },
}

const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, y: 31_536_000_000 }

/** RFC 3339 as it is; a date is the start of that day in UTC; `30d` is that long from now, `-30d` before. */
function readTime(text: string, name: string, nowMs: number): string {
  const [, sign, count, unit] = /^([+-]?)([0-9]{1,6})([mhdwy])$/.exec(text) ?? []
  if (count !== undefined && unit !== undefined) {
    const ms = nowMs + (sign === '-' ? -1 : 1) * Number(count) * (unitMs[unit] ?? 0)
    if (Math.abs(ms) > 8.64e15) throw usageError(`${name} is out of range.`)
    return new Date(ms).toISOString()
  }
  if (/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text)) return `${text}T00:00:00.000Z`
  if (/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,12}Z$/.test(text)) return text
  throw usageError(`${name} takes a time: 2027-01-31, 2027-01-31T12:00:00Z (UTC), or from now: 90m, 12h, 30d, 2w, 1y.`)
}

/** `name=rpc:read,access=read,description=…`: a comma separates only before the name of a member. Or JSON. */
function readRecords(field: Field, text: string, name: string, nowMs: number): readonly Value[] {
  const trimmed = text.trim()
  if (trimmed === '') return []
  if (trimmed.startsWith('[') || trimmed.startsWith('{')) {
    const value = readScalar('json', trimmed, name, null, nowMs)
    return Array.isArray(value) ? (value as readonly Value[]) : [value]
  }
  const names = Object.keys(field.members)
  const pieces = trimmed.split(new RegExp(`,(?=(?:${names.join('|')})=)`))
  const record: Record<string, Value> = {}
  for (const piece of pieces) {
    const at = piece.indexOf('=')
    const member = piece.slice(0, at)
    const schema = field.members[member]
    if (at < 1 || schema === undefined) throw usageError(`${name} is written ${names.map((each) => `${each}=…`).join(',')}, once for each.`)
    if (member in record) throw usageError(`${name} names ${member} twice; repeat the flag for another one.`)
    record[member] = readScalar(kindOfMember(schema), piece.slice(at + 1), `${name} ${member}`, schema.enum ?? null, nowMs)
  }
  const missing = field.memberRequired.filter((member) => !(member in record))
  if (missing.length > 0) throw usageError(`${name} lacks ${missing.map((member) => `${member}=…`).join(', ')}.`)
  return [record]
}

const kindOfMember = ({ type }: JsonSchema): FieldKind => (type === 'integer' || type === 'number' || type === 'boolean' ? type : 'text')
