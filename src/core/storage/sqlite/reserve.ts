/**
 * The reserve: space kept back for the day the disk is full, so that revoking still works (design §7).
 *
 * It is a file of real bytes beside the database. When a flush finds the disk full, the file is removed, and from then
 * on only commits that take away are applied, in the space this freed, until the file can be made again.
 *
 * Invariant S5: a full disk stops what grants, and nothing that takes away.
 *
 * @module
 */
import { closeSync, fsyncSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { systemRandom } from '#core/crypto/random'
import type { Failure } from '../failure.ts'
import type { CommitPlan } from '../plan.ts'
import { isFailure, type Applier, type Outcome } from './applier.ts'

const reserveBytes = 4 * 1024 * 1024
/** How often a server that gave its reserve away looks whether there is space again. */
const retryMs = 1_000

const full: Failure = { kind: 'full', message: 'the reserve is in use' }

/** An applier that keeps a reserve for commits that take away. */
export function withReserve(applier: Applier, path: string, nowMs: () => number = () => performance.now()): Applier {
  let held = isWhole(path) || makeReserve(path)
  let triedAtMs = nowMs()

  function hasReserve(): boolean {
    if (!held && nowMs() - triedAtMs >= retryMs) {
      triedAtMs = nowMs()
      held = makeReserve(path)
    }
    return held
  }

  let plans: CommitPlan[] = []
  let scarce = false

  const takingsOf = (all: readonly CommitPlan[]): readonly CommitPlan[] => all.filter((plan) => plan.takesAway)

  /**
   * Finishes a flush of takings: the others of `all` are told that the disk is full. The log is moved into the database
   * at once, while there is room for that; left to grow, it would eat up what the reserve has freed.
   */
  function finishTakings(all: readonly CommitPlan[]): readonly Outcome[] {
    const outcomes = applier.finish().values()
    applier.moveLog()
    return all.map((plan) => (plan.takesAway ? (outcomes.next().value ?? full) : full))
  }

  return {
    apply(more) {
      if (plans.length === 0) scarce = !hasReserve()
      plans.push(...more)
      applier.apply(scarce ? takingsOf(more) : more)
    },
    finish() {
      const all = plans
      plans = []
      if (scarce) return finishTakings(all)
      const outcomes = applier.finish()
      if (!outcomes.some(isFull)) return outcomes
      rmSync(path, { force: true })
      held = false
      triedAtMs = nowMs()
      applier.apply(takingsOf(all))
      return finishTakings(all)
    },
    moveLog: () => applier.moveLog(),
    finishErasures: () => applier.finishErasures(),
    sawForeignWrite: () => applier.sawForeignWrite(),
  }
}

const isFull = (outcome: Outcome): boolean => isFailure(outcome) && outcome.kind === 'full'

function isWhole(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.size === reserveBytes
}

/** Random bytes, so that a file system that compresses keeps the space all the same. */
function makeReserve(path: string): boolean {
  rmSync(path, { force: true })
  try {
    const file = openSync(path, 'wx', 0o600)
    try {
      const bytes = systemRandom.bytes(reserveBytes)
      for (let written = 0; written < reserveBytes; ) written += writeSync(file, bytes, written)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    return true
  } catch {
    // Whatever kept us from it (full, quota, read-only): there is no reserve, and grants wait.
    rmSync(path, { force: true })
    return false
  }
}
