/**
 * The reserve: space kept back for the day the disk is full, so that revoking still works (design §7).
 *
 * It is a file of real bytes beside the database, and nothing of it is given away for commits that grant. One that takes
 * away and finds the disk full gets a little of it, and more until it fits. What it is given others can take: whoever
 * filled the disk mostly goes on filling it. So the rest stays in the file, and what has been used stays with the
 * write-ahead log, which is moved into the database and written again from its beginning, but never cut short. From
 * then on only commits that take away are applied, until the file can be made whole again.
 *
 * Invariant S5: a full disk stops what grants, and nothing that takes away.
 *
 * @module
 */
import { appendFileSync, closeSync, fsyncSync, ftruncateSync, openSync, rmSync, statSync, truncateSync } from 'node:fs'
import { systemRandom } from '#core/crypto/random'
import type { Failure } from '../failure.ts'
import type { CommitPlan } from '../plan.ts'
import { isFailure, type Applier, type Outcome } from './applier.ts'

/** What is written between two moves of the log: 2,000 pages of 4 KiB (`database.ts`). All of it may be new to the database. */
const moveBytes = 8 * 1024 * 1024
/** Never used for moving the log: what takes away is written to the log first. */
const takingsBytes = 4 * 1024 * 1024
const reserveBytes = moveBytes + takingsBytes
/** Mostly enough for a flush. */
const stepBytes = 256 * 1024
/** How often a server that has used of its reserve looks whether there is space again. */
const retryMs = 1_000

const full: Failure = { kind: 'full', message: 'the reserve is not whole' }

/** An applier that keeps a reserve for commits that take away. */
export function withReserve(applier: Applier, path: string, nowMs: () => number = () => performance.now()): Applier {
  const reserve = createReserve(path)
  let triedAtMs = nowMs()
  reserve.makeWhole()

  function isShort(): boolean {
    if (!reserve.isWhole() && nowMs() - triedAtMs >= retryMs) {
      triedAtMs = nowMs()
      reserve.makeWhole()
    }
    return !reserve.isWhole()
  }

  let plans: CommitPlan[] = []
  let short = false

  /** Takings alone, with more and more of the reserve, until they fit or nothing is left of it. */
  function applyTakings(takings: readonly CommitPlan[]): readonly Outcome[] {
    for (;;) {
      applier.apply(takings)
      const outcomes = applier.finish()
      if (!outcomes.some(isFull) || !reserve.give(stepBytes)) return outcomes
    }
  }

  /** Moves the log, so that the next takings are written in the space that it has already. */
  function recycleLog(): void {
    if (applier.log.recycle()) return
    const growthBytes = applier.log.unmovedBytes()
    // Half a move would use up space and gain nothing; without it there is room for takings all the same.
    if (growthBytes === 0 || reserve.size() < growthBytes + takingsBytes) return
    reserve.give(growthBytes)
    applier.log.recycle()
  }

  return {
    ...applier,
    apply(more) {
      if (plans.length === 0) short = isShort()
      plans.push(...more)
      applier.apply(short ? more.filter(isTaking) : more)
    },
    finish() {
      const all = plans
      plans = []
      const first = applier.finish()
      const isRefused = first.some(isFull)
      if (!isRefused && !short) return first
      const takings = all.filter(isTaking)
      const outcomes = (isRefused && takings.length > 0 ? applyTakings(takings) : first).values()
      if (takings.length > 0 && !reserve.isWhole()) recycleLog()
      return all.map((plan) => (isTaking(plan) ? (outcomes.next().value ?? full) : full))
    },
  }
}

const isTaking = (plan: CommitPlan): boolean => plan.takesAway

const isFull = (outcome: Outcome): boolean => isFailure(outcome) && outcome.kind === 'full'

/**
 * Gives some of the reserve of a database that could not even be opened: SQLite makes a file beside it first.
 *
 * @returns whether there was something to give
 */
export const giveOfReserve = (path: string): boolean => createReserve(path).give(stepBytes)

/** The file. What goes wrong with it (full, quota, read-only) shows in its size: there is less of it, and grants wait. */
function createReserve(path: string) {
  let sizeBytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0

  function cutTo(bytes: number): void {
    const file = openSync(path, 'r+')
    try {
      ftruncateSync(file, bytes)
      // Some file systems hand out what was freed only once that is on disk.
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  }

  return {
    size: () => sizeBytes,
    isWhole: () => sizeBytes === reserveBytes,
    /** @returns whether there was something to give */
    give(bytes: number): boolean {
      if (sizeBytes === 0) return false
      const left = Math.max(0, sizeBytes - bytes)
      try {
        cutTo(left)
        sizeBytes = left
      } catch {
        rmSync(path, { force: true })
        sizeBytes = 0
      }
      return true
    },
    makeWhole(): void {
      if (sizeBytes === reserveBytes) return
      try {
        if (sizeBytes > reserveBytes) cutTo(reserveBytes)
        else fill(path, reserveBytes - sizeBytes)
        sizeBytes = reserveBytes
      } catch {
        // What there was stays.
        if (sizeBytes > 0) truncateSync(path, sizeBytes)
        else rmSync(path, { force: true })
      }
    },
  }
}

/** Random bytes, so that a file system that compresses keeps the space all the same. */
function fill(path: string, bytes: number): void {
  const file = openSync(path, 'a', 0o600)
  try {
    for (let left = bytes; left > 0; left -= stepBytes) appendFileSync(file, systemRandom.bytes(Math.min(left, stepBytes)))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
