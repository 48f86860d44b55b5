/**
 * A server's connection to the database: the real storage underneath, and between it and the server all that can go
 * wrong on the way.
 *
 * A commit goes through two queues. It waits in the first until the writer takes it, which applies or refuses it; then
 * its outcome waits in the second until the server hears of it. A server that crashes loses what is in the queues, and
 * the database keeps what was applied. Where this server is the only one, both queues keep their order, as the writer's
 * thread does; where there are several, each commit goes its own way.
 *
 * @module
 */
import { sql, type Kysely, type KyselyPlugin } from 'kysely'
import type { Commit, Committed } from '#core/storage/commit'
import { createListeners } from '#core/storage/listeners'
import type { Storage } from '#core/storage/storage'
import type { Dice } from './dice.ts'
import type { Gates } from './gates.ts'
import { unavailable, type Troubles } from './troubles.ts'

interface Waiting {
  readonly commit: Commit
  readonly resolve: (committed: Committed) => void
  readonly reject: (error: Error) => void
}

type Outcome = Waiting & { readonly result: Committed | Error }

export interface SimulatedStorageOptions {
  readonly real: Storage
  readonly exclusive: boolean
  readonly dice: Dice
  readonly gates: Gates
  readonly troubles: Troubles
}

export class SimulatedStorage implements Storage {
  readonly engine = 'sqlite'
  readonly exclusive: boolean
  readonly onCommitted: Storage['onCommitted']
  readonly onForeignWrite: Storage['onForeignWrite']
  readonly tellForeignWrite: () => void
  readonly #real: Storage
  readonly #dice: Dice
  readonly #troubles: Troubles
  readonly #reader: Kysely<unknown>
  readonly #listeners = createListeners()
  readonly #inbox: Waiting[] = []
  readonly #outcomes: Outcome[] = []
  #broken = false
  #highestMs = 0

  constructor({ real, exclusive, dice, gates, troubles }: SimulatedStorageOptions) {
    this.#real = real
    this.exclusive = exclusive
    this.#dice = dice
    this.#troubles = troubles
    this.#reader = real.reader<unknown>().withPlugin(delayedReads(gates, troubles))
    this.onCommitted = this.#listeners.onCommitted
    this.onForeignWrite = this.#listeners.onForeignWrite
    this.tellForeignWrite = this.#listeners.tellForeignWrite
  }

  reader<Tables>(): Kysely<Tables> {
    return this.#reader as Kysely<Tables>
  }

  commit(commit: Commit): Promise<Committed> {
    return new Promise((resolve, reject) => this.#inbox.push({ commit, resolve, reject }))
  }

  /** Of what it read when it was opened, and of what it heard since; where others write too, of theirs as well. */
  highestTimeMs(): number {
    return this.exclusive ? this.#highestMs : Math.max(this.#highestMs, this.#real.highestTimeMs())
  }

  /** As `openSqlite` does it: whoever starts anew knows of the time what the database does. */
  async open(): Promise<void> {
    const { rows } = await sql<{ value: number }>`SELECT value FROM meta WHERE id = 'highest-time-ms'`.execute(this.#real.reader<never>())
    this.#highestMs = rows[0]?.value ?? 0
  }

  probe(): Promise<void> {
    return this.#real.probe()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  /** Nothing is written any more until the server starts anew. */
  get isBroken(): boolean {
    return this.#broken
  }

  get isWriting(): boolean {
    return this.#inbox.length > 0
  }

  get isTakingAway(): boolean {
    return this.#inbox.some(({ commit }) => commit.takesAway && commit.writes.length > 0)
  }

  get isTelling(): boolean {
    return this.#outcomes.length > 0
  }

  /** The writer takes a commit: the next, or any where there are several writers. */
  async applyOne(): Promise<void> {
    const [waiting] = this.#inbox.splice(this.exclusive ? 0 : this.#dice.below(this.#inbox.length), 1)
    if (waiting === undefined) return
    const refusal = this.#broken ? this.#troubles.noted(unavailable()) : this.#troubles.refusalOf(waiting.commit)
    const result = refusal ?? (await this.#real.commit(waiting.commit).catch((error: Error) => error))
    this.#outcomes.push({ ...waiting, result })
  }

  /** The server hears of an outcome. */
  tellOne(): void {
    const [outcome] = this.#outcomes.splice(this.exclusive ? 0 : this.#dice.below(this.#outcomes.length), 1)
    if (outcome === undefined) return
    const { commit, result, resolve, reject } = outcome
    if (result instanceof Error) return reject(this.#troubles.noted(result))
    if (!this.exclusive && this.#troubles.happens('lostOutcome')) return reject(this.#troubles.noted(unavailable()))
    this.#highestMs = Math.max(this.#highestMs, commit.atMs)
    this.#listeners.tellCommitted(commit)
    resolve(result)
  }

  /**
   * The writer's thread dies: some of what waited was applied still, nobody hears of any of it, and nothing is written
   * any more until the server starts anew. As `sqlite/writer.ts` has it, whoever waits is told that it is unavailable,
   * and whoever remembers anything, that it may not be so.
   */
  async breakWriter(): Promise<void> {
    this.#broken = true
    const untold = [...this.#outcomes.splice(0), ...this.#inbox.splice(0)]
    const begun = untold.filter((waiting) => !('result' in waiting))
    for (const { commit } of begun.slice(0, this.#dice.below(begun.length + 1))) await this.#real.commit(commit).catch(() => {})
    for (const { reject } of untold) reject(this.#troubles.noted(unavailable()))
    if (untold.length > 0) this.tellForeignWrite()
  }
}

/** What was read arrives late, or not at all. */
const delayedReads = (gates: Gates, troubles: Troubles): KyselyPlugin => ({
  transformQuery: ({ node }) => node,
  async transformResult({ result }) {
    if (troubles.happens('delay')) await gates.pass('read')
    const refusal = troubles.refusalOfRead()
    if (refusal !== null) throw refusal
    return result
  },
})
