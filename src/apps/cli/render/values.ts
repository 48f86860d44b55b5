/**
 * Values of answers as people read them.
 *
 * @module
 */
import type { Cell } from './table.ts'
import type { Style } from '../terminal.ts'
import { fullTime, isTimestamp, relative } from './time.ts'

export type Item = Readonly<Record<string, unknown>>

/** Words that say how a thing stands, and their colours: green is good, yellow on hold, red over. */
const standing: Readonly<Record<string, Style>> = {
  active: 'green', valid: 'green', ok: 'green', disabled: 'yellow', retiring: 'yellow', pending: 'yellow', expired: 'red', revoked: 'red',
  tampered: ['bold', 'red'], dangerous: 'red', write: 'yellow',
}

const none: Cell = { text: '–', style: 'dim' }

/** For one cell of a table: short. */
export function cellOf(value: unknown, nowMs: number): Cell {
  if (value === null || value === undefined || value === '') return none
  if (isTimestamp(value)) return { text: relative(value, nowMs) }
  return styled(textOf(value))
}

/** For a line of its own: whole. */
export function lineOf(value: unknown, nowMs: number): Cell {
  if (value === null || value === undefined || value === '') return none
  if (isTimestamp(value)) return { text: fullTime(value, nowMs) }
  return styled(textOf(value))
}

/** For programs that read tabs and lines: as the API says it. */
export function plainOf(value: unknown): string {
  if (value === null || value === undefined) return ''
  return Array.isArray(value) ? value.map(elementOf).join(',') : textOf(value)
}

function styled(text: string): Cell {
  const style = standing[text]
  return style === undefined ? { text } : { text, style }
}

function textOf(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.length === 0 ? '–' : value.map(elementOf).join(', ')
  if (typeof value === 'object' && value !== null) return Object.entries(value).map(([name, member]) => `${name} ${textOf(member)}`).join(', ')
  return '–'
}

const elementOf = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : textOf(value))

/** An array of objects, for which one line is too little. */
export const isRecords = (value: unknown): value is readonly Item[] =>
  Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'object' && each !== null && !Array.isArray(each))

export const idShape = /^[a-z]{3}_[0-9A-Za-z]{16}$/

/** The id of a thing: its first member that is one. */
export function idOfItem(item: Item): string {
  const id = Object.values(item).find((value) => typeof value === 'string' && idShape.test(value))
  const first = Object.values(item).find((value) => typeof value === 'string' || typeof value === 'number')
  return typeof id === 'string' ? id : plainOf(first)
}

/** How an item stands; a row that was altered outside Claviger is not to be believed, whatever it says. */
export const statusOf = (item: Item): unknown => (item['genuine'] === false ? 'tampered' : item['status'])
