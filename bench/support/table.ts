/**
 * Rows of the benchmark table.
 *
 * @module
 */
import { cpus, totalmem } from 'node:os'

/** One line: what was measured, against what, and whether the budget holds. */
export interface Row {
  /** `B1`. */
  readonly budget: string
  readonly what: string
  readonly measured: string
  /** What it is compared with, measured in the same run; '' when the budget is absolute. */
  readonly against: string
  /** As the budget says it: `≥ 0.65 ×`. */
  readonly wanted: string
  readonly reached: string
  /** Least and most of the rounds. */
  readonly spread: string
  readonly holds: boolean
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export const perSecond = (value: number): string => `${value >= 10_000 ? `${(value / 1000).toFixed(1)} k` : value.toFixed(0)}/s`
export const spreadOf = (values: readonly number[], show: (value: number) => string): string => `${show(Math.min(...values))} – ${show(Math.max(...values))}`
export const times = (value: number): string => `${value.toFixed(2)} ×`
export const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`

/** Two things measured in turn, and the median of the ratios of each round. */
export interface Comparison {
  readonly ours: readonly number[]
  readonly theirs: readonly number[]
  readonly ratios: readonly number[]
  readonly ratio: number
}

export async function interleave(rounds: number, ours: () => Promise<number>, theirs: () => Promise<number>): Promise<Comparison> {
  const [mine, other]: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    other.push(await theirs())
    mine.push(await ours())
  }
  const ratios = mine.map((value, index) => value / other[index]!)
  return { ours: mine, theirs: other, ratios, ratio: median(ratios) }
}

export function ratioRow(budget: string, what: string, comparison: Comparison, least: number, against: string, also = { holds: true, measured: '', wanted: '' }): Row {
  return {
    budget, what,
    measured: `${perSecond(median(comparison.ours))}${also.measured}`,
    against: `${against} ${perSecond(median(comparison.theirs))}`,
    wanted: `≥ ${least.toFixed(2)} ×${also.wanted}`,
    reached: times(comparison.ratio),
    spread: spreadOf(comparison.ratios, times),
    holds: comparison.ratio >= least && also.holds,
  }
}

export const machine = (): string => `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`

export function render(rows: readonly Row[]): string {
  const head = { budget: '#', what: 'what', measured: 'measured', against: 'against', wanted: 'budget', reached: 'reached', spread: 'spread' }
  const columns = Object.keys(head) as (keyof typeof head)[]
  const widths = columns.map((column) => Math.max(...[head, ...rows].map((row) => row[column].length)))
  const line = (row: Readonly<Record<keyof typeof head, string>>, mark: string): string =>
    `${mark} ${columns.map((column, index) => row[column].padEnd(widths[index]!)).join('  ')}`.trimEnd()
  return [line(head, ' '), ...rows.map((row) => line(row, row.holds ? '✓' : '✗'))].join('\n')
}
