/**
 * Verifiers: they present keys, over the API and to the room itself, and hold every verdict against the model.
 *
 * @module
 */
import { createKeyring } from '#core/keyring/keyring'
import type { Storage } from '#core/storage/storage'
import { unsafeSeededRandom } from '#core/crypto/random'
import { createPeppers, createVerification, type Verification, type Verified } from '#cap/keys'
import type { Clients } from './clients.ts'
import type { Life } from './life.ts'
import type { Reply } from './local-exchange.ts'
import { codesOf, type Asked } from './model-verification.ts'
import { demand, type Thing } from './model.ts'
import { above, isCredential } from './scene.ts'
import type { World } from './world.ts'

/** One verification that was sent, told apart from all others by the address that it names. */
export interface SentUse {
  readonly key: Thing
  /** Answered, in an environment that records durably: it must be on record, once. Others may be. */
  mustBeThere: boolean
  /** It was refused because it could not be recorded: then it is not. */
  wasRefused: boolean
  /** As it was answered; null when it was not. */
  code: string | null
}

/** Codes that say nothing of a key: it was not even found, or nothing of it is to be believed. */
const isUnproven = (code: string): boolean => code === 'not-found' || code === 'tampered'

/** A key that parses, and that there is not. */
const strangersKey = 'zz_live_0000000000000000000000000000000000000000000000000000000000000000000'

export class Verifiers {
  readonly uses = new Map<string, SentUse>()
  readonly #world: World
  readonly #clients: Clients
  #fromDatabase: Verification | null = null

  constructor(world: World, clients: Clients) {
    this.#world = world
    this.#clients = clients
  }

  /** Somebody asks the API. @returns about which key, or null */
  ask(): Thing | null {
    const { dice, model } = this.#world
    const caller = dice.pick(this.#world.credentials())
    const keys = model.ofKind('key').filter((key) => key.secret !== null && (key.workspaceId === caller.workspaceId || dice.chance(0.05)) && (!isCredential(key) || dice.chance(0.1)))
    if (keys.length === 0) return null
    const key = dice.pick(keys)
    const asked: Asked = {
      permission: dice.chance(0.5) ? dice.pick(['rpc:read', 'rpc:write', 'rpc:trace']) : null,
      environmentId: dice.chance(0.2) ? dice.pick(model.ofKind('environment')).id : null,
      clientIp: this.#newAddress(),
    }
    this.#send(caller, key, asked)
    return key
  }

  #newAddress(): string {
    const number = this.uses.size
    return `${this.#world.dice.chance(0.85) ? '10' : '198'}.${number >> 16}.${(number >> 8) & 255}.${number & 255}`
  }

  #send(caller: Thing, key: Thing, asked: Asked): void {
    const world = this.#world
    const life = world.life()
    if (life.server === null) return
    life.enter()
    const use: SentUse = { key, mustBeThere: false, wasRefused: false, code: null }
    this.uses.set(asked.clientIp, use)
    const sent = this.#clients.look(life, [key, ...key.above, caller, ...caller.above])
    this.#clients.underWay++
    const over = (): void => {
      this.#clients.underWay--
      world.model.leave(sent.watch)
    }
    world.note(`verify ${key.id} ${asked.permission ?? ''} from ${asked.clientIp}`)
    const reply = life.server.send({
      operation: 'keys.verify', credential: caller.secret ?? '',
      body: {
        key: key.secret ?? strangersKey, clientIp: asked.clientIp,
        ...(asked.permission === null ? {} : { permissions: { all: [asked.permission] } }),
        ...(asked.environmentId === null ? {} : { environmentId: asked.environmentId }),
      },
    })
    life.expect(reply, world.checked((answer) => {
      over()
      world.note(`= verify ${key.id} from ${asked.clientIp}: ${answer.status} ${String(answer.json['code'])}`)
      use.wasRefused = answer.json['code'] === 'keys/use-recording-unavailable'
      if (answer.status >= 500) return this.#clients.requireTrouble(sent, 'keys.verify', answer)
      const seen = this.#clients.seen(sent, caller, 'keys.verify', answer)
      if (seen === null) return
      const isOwn = key.workspaceId === caller.workspaceId && !isCredential(key)
      const codes = isOwn ? codesOf(key, seen.watch, seen.untilMs, asked) : new Set(['not-found'])
      this.#judge(key, use, codes, answer)
      const environment = above(key, 'environment')
      const isDurable = isOwn && environment !== null && seen.watch.statesOf(environment).every(({ recording }) => recording === 'durable')
      use.mustBeThere = isDurable && !isUnproven(String(answer.json['code']))
      if (use.mustBeThere) world.durableMs = Math.max(world.durableMs, seen.watch.fromMs)
    }), (error) => world.fail(error), over)
  }

  #judge(key: Thing, use: SentUse, codes: ReadonlySet<string>, { status, json }: Reply): void {
    const code = String(json['code'])
    demand(status === 200 && codes.has(code), () => `the key ${key.id} was answered ${status} ${code}; possible: ${[...codes].join(', ')}`)
    demand(json['valid'] === (code === 'valid'), () => `the key ${key.id} is ${code}, and valid says ${String(json['valid'])}`)
    demand(isUnproven(code) || json['keyId'] === key.id, () => `the key ${key.id} was taken for ${String(json['keyId'])}`)
    use.code = code
  }

  /** Asks the room itself, as it is at this very moment: from memory, or where it must, from the database. */
  probe(life: Life, key: Thing): void {
    const { server } = life
    if (server === null || key.secret === null) return
    life.enter()
    const world = this.#world
    const { watch, troubles } = this.#clients.look(life, [key, ...key.above])
    const atMs = server.clock.now()
    const judge = world.checked((verified: Verified) => {
      world.model.leave(watch)
      this.#requireVerdict(key, verified, codesOf(key, watch, server.clock.now(), unasked))
    })
    const verified = server.verification.verify(key.secret, { atMs, clientIp: unasked.clientIp })
    if (!(verified instanceof Promise)) return judge(verified)
    life.expect(verified, judge, world.checked(() => {
      world.model.leave(watch)
      demand(world.troubles.count > troubles, () => `the key ${key.id} could not be verified while nothing was wrong`)
    }), () => world.model.leave(watch))
  }

  #requireVerdict(key: Thing, { verdict }: Verified, codes: ReadonlySet<string>): void {
    demand(codes.has(verdict.code), () => `the key ${key.id} is ${verdict.code} to the room; possible: ${[...codes].join(', ')}`)
  }

  /** Asks the database and nothing else: a reader without any memory, to which nothing happens. */
  async probeDatabase(life: Life, key: Thing): Promise<void> {
    const { server } = life
    if (server === null || key.secret === null) return
    const world = this.#world
    const real: Storage = { ...bare(world.real), exclusive: false }
    this.#fromDatabase ??= createVerification({
      storage: real, guard: server.guard, peppers: createPeppers(createKeyring(real, world.keyProcess)), random: unsafeSeededRandom('probe'),
    })
    const nowMs = server.clock.now()
    const watch = world.model.watch([key, ...key.above], nowMs)
    const verified = await this.#fromDatabase.verify(key.secret, { atMs: nowMs, clientIp: unasked.clientIp })
    world.model.leave(watch)
    this.#requireVerdict(key, verified, codesOf(key, watch, nowMs, unasked))
  }

  /** Something was taken away for certain: all that stands under it is refused from this very moment on. */
  ended(thing: Thing): void {
    const under = this.#world.model.ofKind('key').filter((key) => key.secret !== null && (key === thing || key.above.includes(thing)))
    for (const life of this.#world.lives) for (const key of under) this.probe(life, key)
  }

  /** Every key, everywhere. */
  async probeAll(): Promise<void> {
    for (const key of this.#world.model.ofKind('key')) {
      for (const life of this.#world.lives) this.probe(life, key)
      await this.probeDatabase(this.#world.lives[0]!, key)
    }
  }

  /** A key that is worth asking about: something of it may be over. */
  any(suits: (key: Thing) => boolean = () => true): Thing | null {
    const keys = this.#world.model.ofKind('key').filter((key) => key.secret !== null && suits(key))
    return keys.length === 0 ? null : this.#world.dice.pick(keys)
  }
}

const unasked: Asked = { permission: null, environmentId: null, clientIp: '10.255.255.255' }

const bare = (storage: Storage): Omit<Storage, 'exclusive'> => storage
