/** Times as people read them: how long ago or until, and in UTC. */

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** RFC 3339 in UTC, as every time of the API is written. */
const timestamp = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$/

export const isTimestamp = (value: unknown): value is string => typeof value === 'string' && timestamp.test(value)

const steps: readonly { readonly belowMs: number; readonly unitMs: number; readonly name: string }[] = [
  { belowMs: minuteMs, unitMs: 1000, name: 'second' },
  { belowMs: hourMs, unitMs: minuteMs, name: 'minute' },
  { belowMs: 2 * dayMs, unitMs: hourMs, name: 'hour' },
  { belowMs: 730 * dayMs, unitMs: dayMs, name: 'day' },
  { belowMs: Infinity, unitMs: 365.25 * dayMs, name: 'year' },
]

/** `3 minutes ago`, `in 364 days`, `just now`. */
export function relative(time: string, nowMs: number): string {
  const differenceMs = Date.parse(time) - nowMs
  const awayMs = Math.abs(differenceMs)
  if (awayMs < 5_000) return 'just now'
  const { unitMs, name } = steps.find(({ belowMs }) => awayMs < belowMs) ?? steps[0]!
  // A year from now is not 364 days away, a moment after it was said.
  const count = differenceMs < 0 ? Math.floor(awayMs / unitMs) : Math.round(awayMs / unitMs)
  const length = `${count} ${name}${count === 1 ? '' : 's'}`
  return differenceMs < 0 ? `${length} ago` : `in ${length}`
}

/** `2026-11-25 01:09:27 UTC (3 minutes ago)`. */
export const fullTime = (time: string, nowMs: number): string => `${time.slice(0, 10)} ${time.slice(11, 19)} UTC (${relative(time, nowMs)})`
