/** When a key may be used: the same hours on chosen days of the week, in UTC, to the minute. */
export interface TimeWindow {
  /** ISO 8601 weekdays on which it opens, each once: 1 is Monday, 7 is Sunday. */
  readonly days: readonly number[]
  /** `HH:MM`, inclusive. */
  readonly from: string
  /** `HH:MM`, exclusive. At or before `from` it is on the next day, so equal times make 24 hours. */
  readonly to: string
}

const dayMs = 86_400_000
const minuteMs = 60_000
const timeText = /^(?:[01][0-9]|2[0-3]):[0-5][0-9]$/

/** Whether a value from outside is a window: exactly these members, one to seven days. */
export function isTimeWindow(value: unknown): value is TimeWindow {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 3) return false
  const { days, from, to } = value as Partial<Record<keyof TimeWindow, unknown>>
  return isDays(days) && isTime(from) && isTime(to)
}

const isDays = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && new Set(value).size === value.length && value.every(isDay)

const isDay = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 7

const isTime = (value: unknown): boolean => typeof value === 'string' && timeText.test(value)

/** @param atMs milliseconds since the Unix epoch */
export function windowContains(window: TimeWindow, atMs: number): boolean {
  const day = Math.floor(atMs / dayMs)
  const minute = Math.floor((atMs - day * dayMs) / minuteMs)
  const from = minuteOf(window.from)
  const to = minuteOf(window.to)
  if (from < to) return minute >= from && minute < to && window.days.includes(weekdayOf(day))
  if (minute >= from) return window.days.includes(weekdayOf(day))
  return minute < to && window.days.includes(weekdayOf(day - 1))
}

const minuteOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))

/** Day 0 of the epoch was a Thursday, 4. The remainder is taken twice because before 1970 it is negative. */
const weekdayOf = (day: number): number => ((((day + 3) % 7) + 7) % 7) + 1
