/**
 * Troubles: what goes wrong, as the seed has it.
 *
 * @module
 */
import type { Fault } from '#core/base/fault'
import { cryptoFaults } from '#core/crypto/faults'
import { CommitConflict, type Commit } from '#core/storage/commit'
import { troubleFault } from '#core/storage/failure'
import type { Dice } from './dice.ts'

/** How likely each is, at every occasion. */
export interface Chances {
  readonly refusedCommit: number
  readonly conflict: number
  /** Of a commit that was applied, where several servers share the database: its connection breaks. */
  readonly lostOutcome: number
  readonly failedRead: number
  readonly failedKey: number
  /** That a read, or an answer of the key process, takes so long that others come in between. */
  readonly delay: number
  /** Of an answer that was sent: the client never gets it. */
  readonly lostAnswer: number
}

/** How long something lasts that began. */
export interface Outages {
  commits: 'none' | 'unavailable' | 'full'
  reads: boolean
  keyProcess: 'none' | 'unavailable' | 'hangs'
}

export class Troubles {
  readonly outages: Outages = { commits: 'none', reads: false, keyProcess: 'none' }
  /** Nothing goes wrong and nothing is late: while a world is made, and while it is looked at. */
  calm = true
  /** How often anything was refused, lost, or kept waiting. An answer of 5xx needs one of them. */
  count = 0
  readonly #dice: Dice
  readonly #chances: Chances

  constructor(dice: Dice, chances: Chances) {
    this.#dice = dice
    this.#chances = chances
  }

  happens(what: keyof Chances): boolean {
    return !this.calm && this.#dice.chance(this.#chances[what])
  }

  /** Why a commit is refused before it is applied, or null. */
  refusalOf(commit: Commit): Error | null {
    const { commits } = this.outages
    if (commits === 'unavailable') return this.noted(unavailable())
    if (commits === 'full' && !commit.takesAway) return this.noted(troubleFault('full', 'simulated'))
    if (this.happens('refusedCommit')) return this.noted(unavailable())
    // What asks for nothing cannot be out of date.
    if (commit.writes.length > 0 && this.happens('conflict')) return this.noted(new CommitConflict(this.#dice.pick(['version', 'serialization']), 'simulated'))
    return null
  }

  refusalOfRead(): Fault | null {
    const fails = this.happens('failedRead') || (this.outages.reads && this.#dice.chance(0.5))
    return fails ? this.noted(unavailable()) : null
  }

  refusalOfKeyProcess(): Fault | null {
    const fails = this.happens('failedKey') || this.outages.keyProcess === 'unavailable'
    return fails ? this.noted(cryptoFaults['key-process-unavailable']('Simulated.')) : null
  }

  noted<Trouble>(trouble: Trouble): Trouble {
    this.count++
    return trouble
  }

  get hasOutage(): boolean {
    const { commits, reads, keyProcess } = this.outages
    return commits !== 'none' || reads || keyProcess !== 'none'
  }

  endOutages(): void {
    Object.assign(this.outages, { commits: 'none', reads: false, keyProcess: 'none' } satisfies Outages)
  }
}

export const unavailable = (): Fault => troubleFault('unavailable', 'simulated')
