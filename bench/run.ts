/**
 * `npm run bench [-- B1 B5 …]`: the budgets of the design, measured on this machine, as one table.
 *
 * Ratios are taken in one run: what is measured and what it is measured against take turns, and the median of the
 * rounds' ratios counts. Exits 1 when a budget is missed.
 *
 * @module
 */
import { machine, render, type Row } from './support/table.ts'

/** Each benchmark, and the budgets that it measures. */
const benchmarks: readonly { readonly file: string; readonly budgets: readonly string[] }[] = [
  { file: './verify-http.ts', budgets: ['B1', 'B7'] },
  { file: './verify-in-process.ts', budgets: ['B2'] },
  { file: './create-key.ts', budgets: ['B5'] },
  { file: './million-keys.ts', budgets: ['B6'] },
  { file: './audit-log.ts', budgets: ['B8'] },
  { file: './start.ts', budgets: ['B10'] },
]

const wanted = process.argv.slice(2)
const chosen = benchmarks.filter(({ budgets }) => wanted.length === 0 || budgets.some((budget) => wanted.includes(budget)))
const rows: Row[] = []
process.stdout.write(`${machine()}\n\n`)
for (const { file, budgets } of chosen) {
  process.stderr.write(`measuring ${budgets.join(', ')} …\n`)
  const { measure } = (await import(file)) as { measure: () => Promise<readonly Row[]> }
  rows.push(...(await measure()))
}
process.stdout.write(`${render(rows)}\n`)
const missed = rows.filter(({ holds }) => !holds)
process.stdout.write(missed.length === 0 ? `\n${rows.length} lines, every budget holds.\n` : `\n${missed.length} of ${rows.length} lines miss their budget: ${missed.map(({ budget }) => budget).join(', ')}.\n`)
process.exitCode = missed.length === 0 ? 0 : 1
