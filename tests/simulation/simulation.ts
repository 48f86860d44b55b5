/**
 * The simulation of the whole control plane below its socket: one run for one seed.
 *
 * Real rooms, a real database, a model that knows only what clients were told; what happens when, and what goes wrong,
 * comes from the seed. README.md says what is held against the model.
 *
 * @module
 */
import { Clients } from './clients.ts'
import { deedsOnKeys } from './deeds-on-keys.ts'
import { deedsOnPrincipals } from './deeds-on-principals.ts'
import { requireAll } from './final-checks.ts'
import { ForeignHand } from './foreign-hand.ts'
import { furnish } from './furnish.ts'
import type { Thing } from './model.ts'
import { isCredential, type Deviser, type Scene } from './scene.ts'
import type { Task } from './task.ts'
import { Verifiers } from './verifiers.ts'
import { World } from './world.ts'

export interface Run {
  readonly trace: readonly string[]
  readonly entries: number
  readonly uses: number
}

/** A run that failed, with what happened last. */
export class RunFailure extends Error {
  override readonly name = 'RunFailure'
}

const stepsDefault = 400
const requestsAtOnceMax = 8
/** How often somebody else wants something of the same things at the same moment. */
const rivalChance = 0.3
const soonMs = 3_600_000
const traceShown = 60

export async function simulate(seed: number, steps = stepsDefault): Promise<Run> {
  const world = await World.open(seed, steps)
  try {
    const run = new Simulation(world)
    await run.begin()
    for (let step = 0; step < steps; step++) await run.step()
    await run.end()
    return { trace: world.trace, entries: world.model.entries.size, uses: run.verifiers.uses.size }
  } catch (error) {
    const plan = JSON.stringify(world.plan)
    throw new RunFailure(`${String(error)}\n${plan}\n${world.trace.slice(-traceShown).join('\n')}`, { cause: error })
  } finally {
    await world.close()
  }
}

class Simulation {
  readonly world: World
  readonly clients: Clients
  readonly verifiers: Verifiers
  readonly hand: ForeignHand
  #root: Thing | null = null
  readonly #weights: readonly (readonly [number, Deviser])[]

  constructor(world: World) {
    this.world = world
    this.clients = new Clients(world, (thing) => this.verifiers.ended(thing))
    this.verifiers = new Verifiers(world, this.clients)
    this.hand = new ForeignHand(world.real)
    // Another mix in every run.
    this.#weights = [...deedsOnKeys, ...deedsOnPrincipals].map(([weight, devise]) => [weight * world.dice.pick([0.2, 1, 1, 3]), devise])
  }

  async begin(): Promise<void> {
    for (const life of this.world.lives) {
      life.start()
      await this.world.until(() => life.server !== null, 'starting a server')
    }
    this.#root = await furnish(this.world, this.clients)
    this.world.troubles.calm = false
  }

  async step(): Promise<void> {
    const { world, clients } = this
    const { outages, jumps, crashes, brokenWriters, foreignWrites } = world.plan
    const isIdle = clients.underWay < requestsAtOnceMax
    await world.step([
      [isIdle ? 2.5 : 0, () => this.#ask()],
      [isIdle ? 2.5 : 0, () => this.#verify()],
      [clients.doubtful.size > 0 && isIdle ? 1 : 0, () => this.#askAgain()],
      [isIdle ? 0.3 : 0, () => this.#repeat()],
      [0.7, () => this.#probe()],
      [20 * outages, () => this.#outage()],
      [world.troubles.hasOutage ? 0.3 : 0, () => this.#endOutage()],
      [20 * jumps, () => this.#jump()],
      [0.1, () => this.#comeToAnEnd()],
      [20 * crashes + (world.lives.some(({ storage }) => storage.isBroken) ? 0.5 : 0), () => this.#crash()],
      [20 * brokenWriters, () => this.#breakWriter()],
      [20 * foreignWrites, () => this.#foreignWrite()],
      [world.lives.length === 1 && world.lives[0]!.storage.isTakingAway ? 2 : 0, () => this.#foreignWriteElsewhere()],
      [isIdle ? 0.3 : 0, () => this.#quarrel()],
    ])
  }

  #scene(): Scene {
    const { world } = this
    const credentials = world.credentials()
    const root = this.#root!
    return {
      model: world.model, dice: world.dice, root, nowMs: this.clients.nowMs(), newName: () => world.newName(),
      caller: world.dice.chance(0.35) ? root : world.dice.pick(credentials),
    }
  }

  #ask(): void {
    const task = this.#begin(this.#scene())
    if (task !== null) this.#rivals(task.about)
  }

  #verify(): void {
    const key = this.verifiers.ask()
    if (key !== null) this.#rivals([key])
  }

  /** Others want something of the same things, or of what they stand under. */
  #rivals(things: readonly Thing[]): void {
    const near = [...things, ...things.flatMap((thing) => thing.above)]
    while (near.length > 0 && this.clients.underWay < requestsAtOnceMax && this.world.dice.chance(rivalChance)) this.#begin({ ...this.#scene(), near })
  }

  /** Owners of a workspace, one of whom must remain, turn against each other, or leave, at the same moment. */
  #quarrel(): void {
    const { world } = this
    const isOwner = ({ workspaceId, above: [holder] }: Thing): boolean =>
      workspaceId !== this.#root!.workspaceId && holder?.state['role'] === 'owner' && holder.state['status'] === 'active'
    const owners = world.credentials().filter(isOwner)
    if (owners.length === 0) return
    const { workspaceId } = world.dice.pick(owners)
    const theirs = owners.filter((one) => one.workspaceId === workspaceId)
    const near = theirs.flatMap(({ above }) => above)
    for (let deeds = 0; deeds < 2; deeds++) this.#begin({ ...this.#scene(), caller: world.dice.pick(theirs), near }, deedsOnPrincipals)
  }

  #begin(scene: Scene, weights = this.#weights): Task | null {
    const task = this.world.dice.weighted(weights)?.(scene) ?? null
    if (task === null) return null
    const errand = this.clients.begin(task, this.world.dice.chance(0.6))
    // An impatient client.
    if (errand.idempotencyKey !== null && this.world.dice.chance(0.1)) this.clients.send(errand)
    return task
  }

  #askAgain(): void {
    const errand = this.world.dice.pick([...this.clients.doubtful])
    if (!this.clients.isRemembered(errand) || this.world.dice.chance(0.2)) this.clients.doubtful.delete(errand)
    else this.clients.send(errand)
  }

  /** What was answered long ago is sent once more. */
  #repeat(): void {
    const remembered = this.clients.errands.filter((errand) => errand.deed.done && this.clients.isRemembered(errand))
    if (remembered.length > 0) this.clients.send(this.world.dice.pick(remembered))
  }

  async #probe(): Promise<void> {
    const key = this.verifiers.any()
    if (key === null) return
    const life = this.world.life()
    if (this.world.dice.chance(0.2)) await this.verifiers.probeDatabase(life, key)
    else this.verifiers.probe(life, key)
  }

  #outage(): void {
    const { dice, troubles } = this.world
    const begun = dice.pick([{ commits: 'unavailable' }, { commits: 'full' }, { reads: true }, { keyProcess: 'unavailable' }, { keyProcess: 'hangs' }] as const)
    Object.assign(troubles.outages, begun)
    this.world.note(`outage: ${JSON.stringify(begun)}`)
  }

  #endOutage(): void {
    this.world.troubles.endOutages()
    this.world.note('outages end')
  }

  /**
   * Where several servers write, their entries stand in the log as they were written, and each server's clock follows the
   * others' only after a while: a clock that goes back, or jumps while a commit is on its way, leaves entries out of order.
   */
  #jump(): void {
    const { dice, lives } = this.world
    const isAlone = lives.length === 1
    if (!isAlone && lives.some(({ storage }) => storage.isWriting)) return
    const ms = dice.pick([1_000, 60_000, 3_600_000, 86_400_000 * 2]) * (isAlone ? dice.pick([1, 1, -1, -2]) : 1)
    this.world.wallMs += ms
    this.world.note(`the wall clock jumps by ${ms} ms`)
  }

  /** The key that ends next is asked about in its last moment, and in the first in which it is over. */
  #comeToAnEnd(): void {
    const { world, verifiers } = this
    if (world.lives.some(({ server, storage }) => server === null || (world.lives.length > 1 && storage.isWriting))) return
    const nowMs = this.clients.nowMs()
    const ends = new Map(world.model.ofKind('key').filter(({ secret }) => secret !== null).map((key) => [key, Date.parse(String(key.state['expiresAt']))]))
    const [next] = [...ends].filter(([, endMs]) => endMs > nowMs).toSorted(([, one], [, other]) => one - other)
    if (next === undefined || next[1] > nowMs + soonMs) return
    const [key, endMs] = next
    world.note(`${key.id} comes to its end`)
    for (const atMs of [endMs - 1, endMs]) {
      world.wallMs = atMs
      for (const life of world.lives) verifiers.probe(life, key)
    }
  }

  #crash(): void {
    this.world.note('crash')
    this.world.dice.pick(this.world.lives).crash()
  }

  async #breakWriter(): Promise<void> {
    this.world.note('the writer breaks')
    const [life] = this.world.lives
    life?.enter()
    await life?.storage.breakWriter()
  }

  /** It is noticed by the next flush; here, at once. */
  async #foreignWrite(): Promise<void> {
    const { world, verifiers } = this
    const [life] = world.lives
    const isVictim = (key: Thing): boolean => !isCredential(key) && key.alteredSince === null && world.model.isQuiet(key)
    const key = this.hand.hasAltered && world.dice.chance(0.6) ? null : verifiers.any(isVictim)
    if (key === null) await this.#restoreOne()
    else {
      world.model.beingAltered(key)
      if (await this.hand.alter(key)) world.model.altered(key)
      else world.model.restored(key)
    }
    world.note(`somebody else writes ${key?.id ?? ''}`)
    life?.enter()
    life?.storage.tellForeignWrite()
  }

  /** What is remembered is forgotten and read anew, while something of it is being taken away. */
  #foreignWriteElsewhere(): void {
    this.world.note('somebody else writes what is not ours')
    const [life] = this.world.lives
    life?.enter()
    life?.storage.tellForeignWrite()
  }

  async #restoreOne(): Promise<void> {
    const key = this.hand.nextToRestore()
    if (key === null) return
    this.world.model.beingAltered(key)
    await this.hand.restoreOne()
    // When it was written by us since, it is ours as well.
    this.world.model.restored(key)
  }

  /** All is well again: what is under way ends, what is doubtful is found out, and everything is looked at. */
  async end(): Promise<void> {
    const { world, clients } = this
    world.troubles.endOutages()
    world.troubles.calm = true
    world.note('all is well again')
    while (this.hand.hasAltered) await this.#restoreOne()
    for (const life of world.lives) {
      if (life.storage.isBroken) life.crash()
      life.enter()
      life.storage.tellForeignWrite()
    }
    await world.until(() => world.lives.every(({ server }) => server !== null) && clients.underWay === 0, 'what is under way')
    const doubtful = [...clients.doubtful].filter(clients.isRemembered)
    for (const errand of doubtful) clients.send(errand)
    await world.until(() => clients.underWay === 0, 'what was doubtful')
    await this.verifiers.probeAll()
    await requireAll(world, clients, this.verifiers)
    for (const life of world.lives) life.crash()
    await world.until(() => world.lives.every(({ server }) => server !== null), 'starting once more')
    await this.verifiers.probeAll()
    await world.step()
  }
}
