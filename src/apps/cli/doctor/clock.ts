/** The clock: against what was committed, and against the machine's own steady one. */
import { toTimestamp } from '#core/base/clock'
import { farAheadText, isFarAhead } from '../../server/clock-ahead.ts'
import { ok, problem, warning, type Check } from './check.ts'

/** More than that between two clocks in a few seconds is no drift: somebody set one. */
const jumpMs = 250
/** Nothing was committed before there was a Claviger. */
const earliestMs = Date.UTC(2025, 0, 1)
const aheadMs = 5_000

/** Starts to compare. The function returned tells by how much the wall clock has run off since, in ms. */
export function startWatch(wallMs: () => number = Date.now, steadyMs: () => number = () => performance.now()): () => number {
  const [wallAtStart, steadyAtStart] = [wallMs(), steadyMs()]
  return () => wallMs() - wallAtStart - (steadyMs() - steadyAtStart)
}

/**
 * @param highestTimeMs that was committed, or null when it is not known
 * @param isAheadAccepted whether the configuration says that a clock far ahead of that is right
 */
export function checkClock(highestTimeMs: number | null, offMs: number, nowMs: number, isAheadAccepted: boolean): Check {
  const cure = 'Synchronise it (chrony, systemd-timesyncd). Until then no time is given out that is below what was committed.'
  if (Math.abs(offMs) > jumpMs) return warning('clock', `it jumped by ${Math.round(offMs)} ms while doctor ran`, cure)
  if (nowMs < earliestMs) return problem('clock', `it says ${toTimestamp(nowMs)}, which cannot be`, cure)
  if (highestTimeMs === null) return ok('clock', toTimestamp(nowMs))
  if (highestTimeMs > nowMs + aheadMs) {
    return problem('clock', `it says ${toTimestamp(nowMs)}, ${Math.round((highestTimeMs - nowMs) / 1000)} s before the last time that was committed (${toTimestamp(highestTimeMs)})`, cure)
  }
  if (isFarAhead(highestTimeMs, nowMs)) {
    const detail = `it ${farAheadText(highestTimeMs, nowMs)}`
    return isAheadAccepted ? warning('clock', detail, 'It is accepted as right (`acceptClockAhead`). The next commit makes that final.')
      : problem('clock', detail, 'Set it right; a server does not start under it. If it is right, start once with `acceptClockAhead: true` in the configuration.')
  }
  return ok('clock', `${toTimestamp(nowMs)}, not before anything that was committed`)
}
