/**
 * Single things: `field  value`, aligned.
 *
 * @module
 */
import type { Output } from '../terminal.ts'
import { padTo, visible, widthOf, words, wrap } from './text.ts'
import { isRecords, lineOf, plainOf, type Item } from './values.ts'

const gap = 2

export function writeRecord(out: Output, item: Item, nowMs: number): void {
  const members = Object.entries(item).filter(([name, value]) => !(name === 'genuine' && value === true))
  if (!out.isTerminal) return writePlain(out, members)
  const width = Math.max(...members.map(([name]) => widthOf(words(name))))
  for (const [name, value] of members) {
    const label = out.paint('dim', padTo(words(name), width))
    const lines = isRecords(value) ? recordLines(value) : wrapped(out, value, name, nowMs, out.width - width - gap)
    lines.forEach((text, index) => out.line(`${index === 0 ? label : ' '.repeat(width)}${' '.repeat(gap)}${text}`))
  }
}

function wrapped(out: Output, value: unknown, name: string, nowMs: number, width: number): readonly string[] {
  if (name === 'genuine') return [out.paint(['bold', 'red'], 'no: the stored row was altered outside Claviger')]
  const { text, style } = lineOf(value, nowMs)
  return wrap(visible(text), Math.max(20, width)).map((line) => (style === undefined ? line : out.paint(style, line)))
}

/** The members of several small things, each in a column of its own. */
function recordLines(records: readonly Item[]): readonly string[] {
  const all = [...new Set(records.flatMap((record) => Object.keys(record)))]
  const names = [...all.filter((name) => name === 'name'), ...all.filter((name) => name !== 'name')]
  const rows = records.map((record) => names.map((name) => visible(plainOf(record[name]))))
  const widths = names.map((_name, index) => Math.max(...rows.map((row) => widthOf(row[index] ?? ''))))
  return rows.map((row) => row.map((cell, index) => padTo(cell, widths[index] ?? 0)).join(' '.repeat(gap)).trimEnd())
}

/** One member a line, its name as in JSON, a tab, its value; what has members of its own as JSON. */
function writePlain(out: Output, members: readonly (readonly [string, unknown])[]): void {
  for (const [name, value] of members) {
    out.line(`${name}\t${visible(typeof value === 'object' && value !== null && !isWords(value) ? JSON.stringify(value) : plainOf(value))}`)
  }
}

const isWords = (value: object): boolean => Array.isArray(value) && value.every((each) => typeof each !== 'object')
