/**
 * Tables that fit: columns by their importance, the widest cut first, whole ones left out when nothing else helps.
 *
 * @module
 */
import type { Output, Style } from '../terminal.ts'
import { cutTo, padTo, visible, widthOf } from './text.ts'

export interface Column {
  readonly heading: string
  /** Left out earlier the higher; 0 never is. */
  readonly rank: number
  /** May be cut down to this many columns; ids may not be cut at all. */
  readonly least: number
}

export interface Cell {
  readonly text: string
  readonly style?: Style
}

const gap = 2

/** @param rows one cell a column. Returns the headings of the columns that did not fit. */
export function writeTable(out: Output, columns: readonly Column[], rows: readonly (readonly Cell[])[]): readonly string[] {
  const shown = rows.map((row) => row.map((cell) => ({ ...cell, text: visible(cell.text) })))
  const natural = columns.map(({ heading }, index) => Math.max(widthOf(heading), ...shown.map((row) => widthOf(row[index]?.text ?? ''))))
  const widths = fit(columns, natural, out.width)
  const kept = columns.flatMap((_column, index) => (widths[index] === undefined ? [] : [index]))
  out.line(out.paint(['dim'], line(kept.map((index) => padTo(cutTo(columns[index]!.heading, widths[index]!), widths[index]!)))))
  for (const row of shown) {
    out.line(line(kept.map((index) => {
      const { text, style } = row[index] ?? { text: '' }
      const cut = cutTo(text, widths[index]!)
      return padTo(style === undefined ? cut : out.paint(style, cut), widths[index]!)
    })))
  }
  return columns.filter((_column, index) => widths[index] === undefined).map(({ heading }) => heading)
}

const line = (cells: readonly string[]): string => cells.join(' '.repeat(gap)).trimEnd()

/** The width of each column, undefined for those left out. */
function fit(columns: readonly Column[], natural: readonly number[], width: number): readonly (number | undefined)[] {
  const widths: (number | undefined)[] = [...natural]
  for (;;) {
    const total = widths.reduce<number>((sum, each) => sum + (each === undefined ? 0 : each + gap), -gap)
    const excess = total - width
    if (excess <= 0) return widths
    const slack = widths.map((each, index) => (each === undefined ? 0 : Math.max(0, each - leastOf(columns[index]!, natural[index]!))))
    if (slack.reduce((sum, each) => sum + each, 0) >= excess) return shrunk(widths, slack, excess)
    const last = columns.reduce((worst, { rank }, index) => (widths[index] !== undefined && rank > 0 && rank >= (columns[worst]?.rank ?? 0) ? index : worst), -1)
    if (last === -1) return widths
    widths[last] = undefined
  }
}

const leastOf = ({ heading, least }: Column, natural: number): number => Math.min(natural, Math.max(least, Math.min(widthOf(heading), 8)))

/** Takes from whichever column has the most to give, one at a time. */
function shrunk(widths: readonly (number | undefined)[], slack: readonly number[], excess: number): (number | undefined)[] {
  const [result, left] = [[...widths], [...slack]]
  for (let taken = 0; taken < excess; taken++) {
    const widest = left.reduce((best, each, index) => (each > (left[best] ?? 0) ? index : best), 0)
    result[widest] = result[widest]! - 1
    left[widest] = left[widest]! - 1
  }
  return result
}
