/**
 * The world of one run: the servers, the database that outlives them, the clients, and what happens in which order.
 *
 * @module
 */
import { sql } from 'kysely'
import { createInlineKeyProcess, type KeyProcess } from '#core/crypto/key-process/client'
import { unsafeSeededRandom } from '#core/crypto/random'
import type { Commit, RowWrite } from '#core/storage/commit'
import { openSqlite } from '#core/storage/sqlite/open-sqlite'
import type { Storage } from '#core/storage/storage'
import { migrations } from '../../src/apps/server/foundations.ts'
import { createDice, type Dice } from './dice.ts'
import { addressesIn } from './final-uses.ts'
import { Life } from './life.ts'
import { demand, Model, Violation, type Thing } from './model.ts'
import { Troubles, type Chances } from './troubles.ts'
import { beginVirtualTime, settle, type VirtualTime } from './virtual-time.ts'

/** What kind of run the seed makes it. */
export interface Plan {
  readonly steps: number
  readonly servers: 1 | 2
  readonly chances: Chances
  /** How often what lasts begins, time jumps, servers crash, somebody else writes; 0 where this run has none of it. */
  readonly outages: number
  readonly jumps: number
  readonly crashes: number
  readonly brokenWriters: number
  readonly foreignWrites: number
}

export function planOf(dice: Dice, steps: number): Plan {
  /** Half of the runs are spared each kind of trouble: what one hides, another shows. */
  const sometimes = (value: number): number => (dice.chance(0.5) ? value : 0)
  const servers = dice.chance(0.3) ? 2 : 1
  return {
    steps, servers,
    chances: {
      refusedCommit: sometimes(0.03), conflict: sometimes(0.08), lostOutcome: sometimes(0.05), failedRead: sometimes(0.003), failedKey: sometimes(0.02),
      delay: dice.pick([0.05, 0.2, 0.5]), lostAnswer: sometimes(0.1),
    },
    outages: sometimes(0.02), jumps: sometimes(0.02), crashes: sometimes(0.012),
    brokenWriters: servers === 1 ? sometimes(0.005) : 0, foreignWrites: servers === 1 ? sometimes(0.01) : 0,
  }
}

const startMs = Date.parse('2026-11-23T12:00Z')
/** Steps after which something that should end is taken for endless. */
const patienceSteps = 20_000
const rootKey = Buffer.alloc(32, 0x5a)

export class World {
  readonly dice: Dice
  readonly time: VirtualTime
  readonly plan: Plan
  readonly real: Storage
  readonly keyProcess: KeyProcess
  readonly troubles: Troubles
  readonly model = new Model()
  readonly lives: readonly Life[]
  /** Every checkpoint that was ever written, by log, in that order. */
  readonly checkpoints = new Map<string, string[]>()
  wallMs = startMs
  /** The owner of the first workspace's credential. */
  rootSecret = ''
  /** What happened, in words, for whoever looks for a cause. */
  readonly trace: string[] = []
  /** No time lies before this any more, whoever crashes: something at that time is durable. */
  durableMs = 0
  /** The addresses in each batch of uses that is not cut yet. */
  readonly #uncut = new Map<string, ReadonlySet<string>>()
  #names = 0
  #violation: Error | null = null
  #ownersChanged = false

  static async open(seed: number, steps: number): Promise<World> {
    const real = await openSqlite({ path: ':memory:', inline: true, migrations, wallMs: () => startMs })
    return new World(seed, steps, real)
  }

  private constructor(seed: number, steps: number, real: Storage) {
    const dice = createDice(`dice ${seed}`)
    const random = unsafeSeededRandom(`rooms ${seed}`)
    this.dice = dice
    this.plan = planOf(dice, steps)
    this.real = real
    this.time = beginVirtualTime()
    this.keyProcess = createInlineKeyProcess(rootKey, random)
    this.troubles = new Troubles(dice, this.plan.chances)
    real.onCommitted((commit) => this.#committed(commit))
    const around = {
      real, dice, random, time: this.time, troubles: this.troubles, keyProcess: this.keyProcess, exclusive: this.plan.servers === 1,
      wallMs: () => this.wallMs,
      durableMs: () => this.durableMs,
      deliverCredential: (secret: string) => void (this.rootSecret = secret),
      onDefect: (what: string, cause: unknown) => this.fail(new Violation(what, { cause })),
    }
    this.lives = Array.from({ length: this.plan.servers }, () => new Life(around))
  }

  note(text: string): void {
    this.trace.push(`${this.time.nowMs} ${text}`)
  }

  fail(error: unknown): void {
    this.#violation ??= error instanceof Error ? error : new Violation(String(error))
  }

  /** Whatever is wrong becomes the run's failure, also where nobody waits for it. */
  readonly checked = <Given>(judge: (given: Given) => void) => (given: Given): void => {
    try {
      judge(given)
    } catch (error) {
      this.fail(error)
    }
  }

  newName(): string {
    return `n${(this.#names++).toString(36).padStart(3, '0')}`
  }

  life(): Life {
    const running = this.lives.filter(({ server }) => server !== null)
    return this.dice.pick(running.length === 0 ? this.lives : running)
  }

  /** One thing happens, and all that follows from it at once. */
  async step(actions: readonly (readonly [weight: number, act: () => unknown])[] = []): Promise<void> {
    const act = this.dice.weighted([...this.progress(), ...actions])
    await act?.()
    await settle()
    if (this.#ownersChanged) await this.#requireOwners()
    if (this.dice.chance(0.3)) this.#requireTime()
    if (this.#violation !== null) throw this.#violation
  }

  /** Nothing new happens until what is under way has come so far. */
  async until(isDone: () => boolean, what: string): Promise<void> {
    for (let steps = 0; !isDone(); steps++) {
      demand(steps < patienceSteps, () => `${what} never ends`)
      await this.step()
    }
  }

  async ended<Result>(life: Life, promise: Promise<Result>, what: string): Promise<Result> {
    let outcome: (() => Result) | null = null
    life.expect(promise, (result) => { outcome = () => result }, (error) => { outcome = () => { throw error } }, () => {})
    await this.until(() => outcome !== null, what)
    return outcome!()
  }

  /** What goes on by itself. */
  progress(): readonly (readonly [weight: number, act: () => unknown])[] {
    const actions: (readonly [weight: number, act: () => unknown])[] = [[1, () => this.#passTime()]]
    for (const life of this.lives) {
      const in_ = (act: () => unknown) => () => {
        life.enter()
        return act()
      }
      if (life.gates.waiting > 0) actions.push([5, in_(() => life.gates.openOne(this.dice, (kind) => kind === 'read' || this.troubles.outages.keyProcess !== 'hangs'))])
      if (life.storage.isWriting) actions.push([5, in_(() => life.storage.applyOne())])
      if (life.storage.isTelling) actions.push([5, in_(() => life.storage.tellOne())])
    }
    return actions
  }

  #passTime(): void {
    const mostMs = this.dice.weighted([[8, 5], [4, 60], [1, 600]]) ?? 5
    const before = this.time.nowMs
    this.time.passUntilNext(mostMs)
    this.wallMs += this.time.nowMs - before
  }

  #committed({ writes }: Commit): void {
    for (const write of writes) {
      if (write.kind === 'merge') continue
      if (write.table.name === 'use_batches') this.#batchWritten(write)
      if (write.kind === 'delete') continue
      if (write.table.name === 'principals') this.#ownersChanged = true
      if (write.table.name !== 'log_heads') continue
      const { id, checkpoint } = write.row as unknown as { id: string; checkpoint: string }
      this.checkpoints.set(id, [...(this.checkpoints.get(id) ?? []), checkpoint])
    }
  }

  /** Invariant K10: a batch of which nobody knows whether it was written is not written again under another id. */
  #batchWritten(write: Exclude<RowWrite, { kind: 'merge' }>): void {
    if (write.kind === 'delete') return void this.#uncut.delete(write.id)
    const { id, uses } = write.row as unknown as { id: string; uses: Uint8Array }
    const addresses = addressesIn(uses)
    for (const [other, known] of this.#uncut) {
      const twice = addresses.intersection(known)
      if (twice.size > 0) this.fail(new Violation(`the use from ${[...twice].join()} is in two batches, ${other} and ${id}`))
    }
    this.#uncut.set(id, addresses)
  }

  /** Principals' invariant P3, whatever was answered to whom. */
  async #requireOwners(): Promise<void> {
    this.#ownersChanged = false
    const { rows } = await sql<{ id: string; owners: number }>`SELECT id, (SELECT count(*) FROM principals
      WHERE workspace_id = workspaces.id AND role = 'owner' AND status = 'active') AS owners FROM workspaces`.execute(this.real.reader<never>())
    for (const { id, owners } of rows) demand(owners > 0, () => `P3: the workspace ${id} has no active owner`)
  }

  /** Invariant B2. */
  #requireTime(): void {
    for (const life of this.lives) {
      const nowMs = life.server?.clock.now()
      if (nowMs === undefined) continue
      demand(nowMs >= life.latestMs, () => `B2: the clock went back by ${life.latestMs - nowMs} ms`)
      // Of times that another server committed it hears a little later, but when it starts it knows them all.
      const knownMs = this.lives.length === 1 ? this.durableMs : life.knownMs
      demand(nowMs >= knownMs, () => `B2: the clock is ${knownMs - nowMs} ms before what was committed`)
      life.latestMs = nowMs
    }
  }

  credentials(): readonly Thing[] {
    return this.model.ofKind('key').filter(({ secret, above: [holder] }) => secret !== null && holder?.kind === 'principal')
  }

  close(): Promise<void> {
    this.time.end()
    return this.real.close()
  }
}
