/**
 * A server's place: it runs there, crashes, and is started again, over a database that stays.
 *
 * @module
 */
import type { Random } from '#core/base/id'
import type { KeyProcess } from '#core/crypto/key-process/client'
import type { Storage } from '#core/storage/storage'
import type { Dice } from './dice.ts'
import { Gates } from './gates.ts'
import { simulatedKeyProcess } from './simulated-key-process.ts'
import { SimulatedStorage } from './simulated-storage.ts'
import { openServer, type Server } from './server.ts'
import type { Troubles } from './troubles.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface Surroundings {
  readonly real: Storage
  readonly keyProcess: KeyProcess
  readonly exclusive: boolean
  readonly dice: Dice
  readonly random: Random
  readonly time: VirtualTime
  readonly troubles: Troubles
  readonly wallMs: () => number
  /** A time that is on disk for certain. */
  readonly durableMs: () => number
  readonly deliverCredential: (secret: string) => void
  readonly onDefect: (what: string, cause: unknown) => void
}

export class Life {
  /** Null while it starts. */
  server: Server | null = null
  gates = new Gates()
  storage: SimulatedStorage
  /** Of the clock, in this life. */
  latestMs = 0
  /** What it has to know of the time since it started. */
  knownMs = 0
  readonly #around: Surroundings
  /** What to do with the requests that are under way when it crashes. */
  readonly #underWay = new Set<() => void>()
  /** Another object in each life: what its timers belong to. */
  #owner: object = {}

  constructor(around: Surroundings) {
    this.#around = around
    this.storage = this.#connect()
  }

  /** What runs from here on belongs to this life. */
  enter(): void {
    this.#around.time.owner = this.#owner
  }

  start(): void {
    this.enter()
    this.knownMs = this.#around.durableMs()
    const { random, keyProcess, troubles, wallMs, deliverCredential, onDefect } = this.#around
    const owner = this.#owner
    const { storage, gates } = this
    const opening = storage.open().then(() =>
      openServer({ storage, keyProcess: simulatedKeyProcess(keyProcess, gates, troubles), random, wallMs, deliverCredential, onDefect }))
    opening.then((server) => {
      if (owner === this.#owner) this.server = server
    }, (error: unknown) => {
      if (!(error instanceof Error && error.name === 'Fault')) onDefect('a server does not start', error)
      else if (owner === this.#owner) this.crash()
    })
  }

  /** Everything above the database is gone; it is started again. */
  crash(): void {
    for (const lose of this.#underWay) lose()
    this.#underWay.clear()
    this.#around.time.drop(this.#owner)
    this.#owner = {}
    this.server = null
    this.latestMs = 0
    this.gates = new Gates()
    this.storage = this.#connect()
    this.start()
  }

  /** Waits for something that may never come, because the server crashes first. */
  expect<Result>(promise: Promise<Result>, came: (result: Result) => void, failed: (error: unknown) => void, lost: () => void): void {
    const owner = this.#owner
    this.#underWay.add(lost)
    const end = <Given>(tell: (given: Given) => void) => (given: Given): void => {
      if (owner !== this.#owner) return
      this.#underWay.delete(lost)
      tell(given)
    }
    promise.then(end(came), end(failed))
  }

  #connect(): SimulatedStorage {
    const { real, exclusive, dice, troubles } = this.#around
    return new SimulatedStorage({ real, exclusive, dice, gates: this.gates, troubles })
  }
}
