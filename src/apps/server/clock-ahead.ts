/**
 * A clock that stands far ahead, at the start or all of a sudden. Time never runs back here (B2), so a single commit under
 * a clock that is years ahead would expire every key for good, and make time stand still once the clock is right again.
 *
 * @module
 */
import { toTimestamp } from '#core/base/clock'

const aheadMaxDays = 366
const dayMs = 86_400_000

/** @param highestMs the highest time that was committed; 0 when nothing was */
export const isFarAhead = (highestMs: number, nowMs: number): boolean => highestMs > 0 && nowMs - highestMs > aheadMaxDays * dayMs

/** What is the matter, in words that fit behind "The clock" and "clock". */
export const farAheadText = (highestMs: number, nowMs: number): string =>
  `says ${toTimestamp(nowMs)}, more than ${aheadMaxDays} days after the last time that was committed (${toTimestamp(highestMs)})`

/** The server does not start. Its message is for the operator's terminal. */
export class ClockAheadError extends Error {
  override readonly name = 'ClockAheadError'
  constructor(highestMs: number, nowMs: number) {
    super(
      `The clock ${farAheadText(highestMs, nowMs)}.\n` +
      'If it is wrong, set it right: one commit under it would expire every key for good, for time never runs back here.\n' +
      'If it is right, and nothing was written for so long, start once with `acceptClockAhead: true` in the configuration.',
    )
  }
}

/**
 * The wall clock of a running server, believed unless it jumps years ahead: a forged answer to its time service, or a
 * machine that was woken with a wrong clock, must not end every key for good. Then time goes on from where it was, at its
 * own pace, until the clock is right again.
 *
 * A jump is measured from the latest time that was ever true, so a clock that stood at zero may be set right.
 *
 * @param highestMs the highest time that was committed; 0 when nothing was
 * @param onJump told of each such jump, once
 */
export function createCredibleWall(
  wallMs: () => number, highestMs: number, onJump: (believedMs: number, saysMs: number) => void, steadyMs: () => number = () => performance.now(),
): () => number {
  let latestMs = Math.max(highestMs, wallMs())
  let doubtedSinceMs: number | null = null
  return () => {
    const saysMs = wallMs()
    if (!isFarAhead(latestMs, saysMs)) {
      doubtedSinceMs = null
      latestMs = Math.max(latestMs, saysMs)
      return saysMs
    }
    if (doubtedSinceMs === null) {
      doubtedSinceMs = steadyMs()
      onJump(latestMs, saysMs)
    }
    return latestMs + Math.floor(steadyMs() - doubtedSinceMs)
  }
}
