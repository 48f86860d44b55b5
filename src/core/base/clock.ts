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

/** RFC 3339 in UTC with milliseconds, as every timestamp of the API and the audit log is written. */
export const toTimestamp = (ms: number): string => new Date(ms).toISOString()

export const toTimestampOrNull = (ms: number | null): string | null => (ms === null ? null : toTimestamp(ms))
