/**
 * Clients: they send requests for changes, send them again when they hear nothing, and hold every answer against the
 * model.
 *
 * @module
 */
import type { Life } from './life.ts'
import type { Reply } from './local-exchange.ts'
import { standingOf } from './model-verification.ts'
import { alterationOf, demand, type Deed, type Thing, type Watch } from './model.ts'
import { operations } from '../../src/apps/operations.ts'
import { idIn, keyIdOf, stateIn, type Seen, type Task } from './task.ts'
import type { World } from './world.ts'

/** A task with the key under which it may be sent again. */
export interface Errand {
  readonly task: Task
  readonly deed: Deed
  readonly idempotencyKey: string | null
  /** When it was first sent: the server remembers it for a day from then. */
  readonly sinceMs: number
  entryId: string | null
}

/** One request that is under way. */
export interface Sent {
  readonly life: Life
  readonly watch: Watch
  readonly troubles: number
}

const permissionOf = new Map<string, string>(operations.map(({ id, permission }) => [id, permission]))
const faultsOf = new Map<string, ReadonlySet<string>>(operations.map(({ id, faults }) => [id, new Set(faults)]))
const takingAway = new Set<string>(operations.filter((operation) => operation.effect === 'write' && operation.takesAway).map(({ id }) => id))
/** Less than the day for which the server remembers: time may jump while a request is under way. */
const rememberedMs = 23 * 3_600_000
const forgottenMs = 24 * 3_600_000

export class Clients {
  readonly world: World
  underWay = 0
  /** Errands of which the client does not know whether they are done. */
  readonly doubtful = new Set<Errand>()
  readonly errands: Errand[] = []
  readonly #ended: (thing: Thing) => void
  #keys = 0

  /** @param ended told of what was taken away for certain just now */
  constructor(world: World, ended: (thing: Thing) => void) {
    this.world = world
    this.#ended = ended
  }

  begin(task: Task, hasKey: boolean): Errand {
    const { model } = this.world
    const errand: Errand = {
      task, idempotencyKey: hasKey ? `key-${this.#keys++}` : null, sinceMs: this.nowMs(), entryId: null,
      deed: model.plan({ operation: task.operation, thing: task.thing, change: task.change }),
    }
    this.errands.push(errand)
    this.send(errand)
    return errand
  }

  nowMs(): number {
    return Math.max(this.world.wallMs, ...this.world.lives.map(({ server }) => server?.clock.now() ?? 0))
  }

  /** Whether the server still remembers it, so that it has one effect however often it is sent. */
  isRemembered = (errand: Errand): boolean => errand.idempotencyKey !== null && this.nowMs() < errand.sinceMs + rememberedMs

  look(life: Life, things: readonly Thing[]): Sent {
    const { model, troubles } = this.world
    return { life, watch: model.watch(things, life.server?.clock.now() ?? 0), troubles: troubles.count }
  }

  send(errand: Errand): void {
    const { world } = this
    const { task, deed, idempotencyKey } = errand
    const life = world.life()
    if (life.server === null) return
    life.enter()
    const sent = { ...this.look(life, [...task.about, task.caller, ...task.caller.above]), wasDone: deed.done }
    const sentAt = world.model.sent(deed)
    this.underWay++
    const over = (): void => {
      this.underWay--
      world.model.leave(sent.watch)
      if (this.nowMs() >= errand.sinceMs + forgottenMs) world.model.forgotten(deed)
    }
    world.note(`${task.operation} ${task.thing?.id ?? task.name ?? ''} ${idempotencyKey ?? ''}`)
    const reply = life.server.send({
      operation: task.operation, credential: task.caller.secret ?? '', params: task.params, idempotencyKey, ifMatch: task.ifMatch,
      ...(task.body === undefined ? {} : { body: task.body }),
    })
    life.expect(reply, world.checked((answer) => {
      over()
      this.#hear(errand, sent, sentAt, answer)
    }), (error) => world.fail(error), () => {
      over()
      this.#doubt(errand, 'the server crashed')
    })
  }

  #doubt(errand: Errand, why: string): void {
    this.world.note(`? ${errand.task.operation} ${errand.task.thing?.id ?? errand.task.name ?? ''}: ${why}`)
    this.world.model.unknown(errand.deed)
    if (errand.idempotencyKey !== null) this.doubtful.add(errand)
  }

  #hear(errand: Errand, sent: Sent & { readonly wasDone: boolean }, sentAt: number, reply: Reply): void {
    const { world } = this
    const { task, deed } = errand
    const code = String(reply.json['code'] ?? '')
    if (reply.status >= 500) {
      this.requireTrouble(sent, task.operation, reply)
      return this.#doubt(errand, code)
    }
    if (world.troubles.happens('lostAnswer')) return this.#doubt(errand, 'the answer was lost')
    world.note(`= ${task.operation} ${task.thing?.id ?? task.name ?? ''}: ${reply.status} ${code}`)
    this.doubtful.delete(errand)
    const seen = this.seen(sent, task.caller, task.operation, reply)
    if (seen === null) return world.model.refused(deed, sentAt, false)
    // It was done, and what came of it is not told any more.
    if (code === 'http/answer-erased') return world.model.unknown(deed)
    if (reply.status >= 300) {
      demand(!sent.wasDone || deed.stale, () => `${task.operation} was done, and sent again with its key it is refused with ${code}`)
      this.#requireReason(task, seen, code, deed.stale)
      world.model.refused(deed, sentAt, !deed.stale)
      return this.#learn(task, code)
    }
    this.#succeed(errand, seen, reply)
  }

  /** An answer of 5xx is none without a cause, and never an error of ours. */
  requireTrouble({ troubles }: Sent, operation: string, { status, json }: Reply): void {
    demand(status !== 500 && this.world.troubles.count > troubles, () => `${operation} answered ${status} ${String(json['code'])} while nothing was wrong`)
  }

  /** What the caller may have been allowed; null where it was refused for who it is. */
  seen({ watch, life }: Sent, caller: Thing, operation: string, { status, json }: Reply): Seen | null {
    const untilMs = life.server?.clock.now() ?? 0
    const { mayBeRefused, grants } = standingOf(caller, watch, untilMs)
    const permission = permissionOf.get(operation) ?? ''
    const code = String(json['code'] ?? '')
    if (code === 'http/unauthenticated' || code === 'http/too-many-requests') {
      demand(mayBeRefused, () => `${operation}: the credential ${caller.id} is good, and was refused`)
      return null
    }
    demand(grants.length > 0, () => `${operation}: the credential ${caller.id} is over, and was taken: ${status} ${code}`)
    if (code === 'http/forbidden' || code === 'http/not-found') {
      demand(grants.some((held) => !held.has(permission)), () => `${operation}: ${caller.id} has ${permission}, and was refused`)
      return null
    }
    demand(grants.some((held) => held.has(permission)), () => `${operation}: ${caller.id} does not have ${permission}, and was answered ${status} ${code}`)
    return { watch, untilMs, grants }
  }

  /** Who is told that something is over already, when nothing more is on its way, may rely on it. */
  #learn({ operation, thing }: Task, code: string): void {
    const isOver = thing !== null && operation.endsWith('.revoke') && code.endsWith('/already-revoked')
    if (!isOver || this.world.lives.some(({ storage }) => storage.isTelling)) return
    this.world.model.foundRevoked(thing)
    this.#ended(thing)
  }

  /** @param isStale it may have been refused because of what it did itself */
  #requireReason({ operation, refusals, thing, about }: Task, seen: Seen, code: string, isStale: boolean): void {
    if (code === 'storage/conflict') return
    if (code === 'storage/tampered' && about.some((one) => alterationOf(one, seen.watch) !== 'never')) return
    demand(faultsOf.get(operation)?.has(code) === true, () => `${operation} answered ${code}, which it does not declare`)
    demand(isStale || refusals[code]?.(seen) === true, () => `${operation} ${thing?.id ?? ''} was refused with ${code}, without a reason for it`)
  }

  #succeed(errand: Errand, seen: Seen, { headers, json }: Reply): void {
    const { world } = this
    const { task, deed, idempotencyKey } = errand
    const entryId = headers['claviger-audit-entry'] ?? ''
    const isReplay = headers['idempotency-replayed'] === 'true'
    demand(!isReplay || (idempotencyKey !== null && json['secret'] === undefined), () => `${task.operation} was answered again as it must not be`)
    const isBelieved = task.thing !== null && !takingAway.has(task.operation) && alterationOf(task.thing, seen.watch, deed.change) === 'throughout'
    demand(isReplay || !isBelieved, () => `${task.operation} ${task.thing?.id ?? ''} was done, though somebody else had written its row`)
    demand(isReplay || task.mayBeDone(seen), () => `${task.operation} ${task.thing?.id ?? task.name ?? ''} was done, though it cannot be`)
    demand(errand.entryId === null || errand.entryId === entryId || deed.stale, () => `${task.operation} with one idempotency key had two effects`)
    errand.entryId = entryId
    const { kind } = task.tells
    const made = { version: Number(json['version'] ?? 1), state: stateIn(kind, json, task.operation) }
    demand(task.ifMatch === null || made.version === task.ifMatch + 1, () => `${task.operation} asked for version ${task.ifMatch}, and made ${made.version}`)
    const target = kind === 'key' || kind === 'workspace' || json['version'] !== undefined ? idIn(kind, json) : ''
    world.model.entries.set(entryId, { workspaceId: task.caller.workspaceId, target })
    if (!isReplay) world.durableMs = Math.max(world.durableMs, seen.watch.fromMs)
    if (task.thing === null) {
      this.#made(task, made, json)
      world.model.done(deed, null)
    } else {
      world.model.done(deed, made)
      if (made.state['status'] !== 'active') this.#ended(task.thing)
    }
  }

  #made({ tells: { kind, above }, caller }: Task, made: { version: number; state: Thing['state'] }, json: Reply['json']): void {
    const { model } = this.world
    const secret = typeof json['secret'] === 'string' ? json['secret'] : null
    if (kind !== 'workspace') {
      model.add({ id: idIn(kind, json), kind, workspaceId: caller.workspaceId, above, secret, ...made })
      return
    }
    const workspaceId = idIn(kind, json)
    const workspace = model.add({ id: workspaceId, kind, workspaceId, above: [], secret: null, ...made })
    const owner = model.add({
      id: String(json['ownerId']), kind: 'principal', workspaceId, above: [], secret: null, version: 1, state: { status: 'active', role: 'owner', erased: false },
    })
    if (secret === null) return
    const expiresAt = new Date(Date.parse(String(json['createdAt'])) + 365 * 86_400_000).toISOString()
    model.add({
      id: keyIdOf(secret), kind: 'key', workspaceId, above: [owner, workspace], secret, version: 1,
      state: { status: 'active', permissions: ['*'], expiresAt, ipRanges: [] },
    })
  }
}
