/** Milliseconds since the Unix epoch that never run backwards past what was committed. */
export interface Clock {
  now(): number
  /** Raises the floor: a time that was committed (or heard of) may not be undercut any more. */
  raiseFloor(ms: number): void
  /** How far the wall clock stands below the floor; 0 when it does not. Above 0 somebody set the clock back. */
  behindMs(): number
}

/**
 * Invariant B2: `now()` is never below the highest time committed, so setting the machine's clock back revives no
 * expired key.
 */
export function createClock(wallMs: () => number = Date.now, floorMs = 0): Clock {
  let floor = floorMs
  return {
    now() {
      const wall = wallMs()
      if (wall > floor) floor = wall
      return floor
    },
    raiseFloor(ms) {
      if (ms > floor) floor = ms
    },
    behindMs: () => Math.max(0, floor - wallMs()),
  }
}

const dayMs = 86_400_000
/** ECMAScript's time values end here (ECMA-262 §21.4.1.1). */
export const lastMs = 8_640_000_000_000_000
const twoDigits = Array.from({ length: 60 }, (_, value) => String(value).padStart(2, '0'))
/** Days that were written lately, by number: to find which day it is costs ten times what the time of day does. */
const days = new Map<number, string>()
const daysMax = 1_000

/**
 * RFC 3339 in UTC with milliseconds, as every timestamp of the API and the audit log is written.
 *
 * @throws RangeError when there is no such time
 */
export function toTimestamp(ms: number): string {
  if (!(Math.abs(ms) <= lastMs)) throw new RangeError('there is no such time')
  const whole = Math.trunc(ms)
  const day = Math.floor(whole / dayMs)
  const ofDay = whole - day * dayMs
  const seconds = Math.floor(ofDay / 1_000)
  const minutes = Math.floor(seconds / 60)
  const millis = String(ofDay % 1_000).padStart(3, '0')
  return `${days.get(day) ?? textOfDay(day)}${twoDigits[Math.floor(minutes / 60)]}:${twoDigits[minutes % 60]}:${twoDigits[seconds % 60]}.${millis}Z`
}

function textOfDay(day: number): string {
  const text = new Date(day * dayMs).toISOString().slice(0, -'00:00:00.000Z'.length)
  if (days.size >= daysMax) days.clear()
  days.set(day, text)
  return text
}

export const toTimestampOrNull = (ms: number | null): string | null => (ms === null ? null : toTimestamp(ms))
