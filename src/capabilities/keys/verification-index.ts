/**
 * Verification index: what this process knows of keys, small enough that a million of them cost about 130 MB.
 *
 * A key takes one slot in segments of typed arrays, found through an open-addressing table over its public id; what many
 * keys share (environment, restrictions) is held once and referred to by number. No object a key, so the garbage
 * collector never walks them.
 *
 * Owned by `verification.ts`, touched from the event loop only.
 *
 * @module
 */
import type { Restrictions, Status } from '@claviger/verifier'
import { assert } from '#core/base/assert'
import { restrictionsId, restrictionsOf, type EnvironmentState, type LoadedKey } from './verification-loader.ts'

const segmentBits = 14
const segmentSlots = 1 << segmentBits
const segmentMask = segmentSlots - 1
const idLength = 16
const hashLength = 32
const distinctRestrictionsMax = 65_536
/** Characters of all distinct restrictions together: what they cost in memory is a few times as much. */
const restrictionsLengthMax = 16 * 1024 * 1024
const slotsMax = 10_000_000
/** Environments whose state is held; beyond them the one that was read first gives way, and is read again when it is wanted. */
export const environmentStatesMax = 10_000

/** Statuses by the number that stands in a slot. */
const statuses: readonly Status[] = ['active', 'disabled', 'pending', 'retiring', 'revoked']
const numberOfStatus = new Map(statuses.map((status, index) => [status, index]))

/** A slot that holds no key any more: its id stays so that probing goes on past it. */
const vacant = 255
/** Reads as revoked: what is not known is refused. */
const unknownStatus = 254

/** One distinct set of restrictions, held for all keys that have it. */
interface SharedRestrictions {
  readonly id: string
  readonly restrictions: Restrictions
  keys: number
}

class Segment {
  readonly ids = Buffer.alloc(segmentSlots * idLength)
  readonly hashes = Buffer.alloc(segmentSlots * hashLength)
  /** 16 characters of the holder's public id; zeros when the key has no consumer. */
  readonly consumers = Buffer.alloc(segmentSlots * idLength)
  readonly expiresAtMs = new Float64Array(segmentSlots)
  readonly status = new Uint8Array(segmentSlots)
  readonly holderStatus = new Uint8Array(segmentSlots)
  readonly pepperVersion = new Uint16Array(segmentSlots)
  readonly environment = new Uint32Array(segmentSlots)
  readonly restrictions = new Uint32Array(segmentSlots)
}

/** An environment of keys in memory. Its state is null until loaded, and again after a change above the keys. */
interface EnvironmentSlot {
  readonly id: string
  state: EnvironmentState | null
  keys: number
}

export class VerificationIndex {
  #segments: Segment[] = []
  #size = 0
  /** Slot + 1 at the hash of its id, 0 where free; its length is a power of two. */
  #table = new Uint32Array(1 << 12)
  readonly #environments: (EnvironmentSlot | null)[] = []
  readonly #environmentNumbers = new Map<string, number>()
  /** Numbers whose environments have no key in memory any more. */
  readonly #freeEnvironments: number[] = []
  /** Those with a state, in the order in which it was set. */
  readonly #statedEnvironments = new Set<EnvironmentSlot>()
  readonly #restrictions: (SharedRestrictions | null)[] = []
  readonly #restrictionNumbers = new Map<string, number>()
  /** Numbers whose restrictions no key has any more. */
  readonly #freeNumbers: number[] = []
  #restrictionsLength = 0
  /** Consumers that were revoked since their keys were loaded. */
  readonly #holderChanges = new Map<string, Status>()

  get size(): number {
    return this.#size
  }

  /** The slot of a key by the 16 characters of its public id, or -1. */
  find(publicId: string): number {
    const mask = this.#table.length - 1
    for (let at = hashOf(publicId) & mask; ; at = (at + 1) & mask) {
      const entry = this.#table[at] as number
      if (entry === 0) return -1
      const slot = entry - 1
      if (this.#isAt(slot, publicId)) return this.#segmentOf(slot).status[slot & segmentMask] === vacant ? -1 : slot
    }
  }

  /** Puts or replaces a key. False when it does not fit; it must then be read from the database each time. */
  put(key: LoadedKey): boolean {
    const { row } = key
    const publicId = row.id.slice(4)
    // First the new ones are held, then the old ones let go: mostly they are the same.
    const restrictions = this.#holdRestrictions(key)
    const environment = this.#holdEnvironment(row.environment_id)
    this.remove(publicId)
    const slot = restrictions === -1 ? -1 : this.#claim(publicId)
    if (slot === -1) {
      if (restrictions !== -1) this.#releaseRestrictions(restrictions)
      this.#releaseEnvironment(environment)
      return false
    }
    const segment = this.#segmentOf(slot)
    const at = slot & segmentMask
    segment.hashes.set(row.hash, at * hashLength)
    if (row.consumer_id === null) segment.consumers.fill(0, at * idLength, (at + 1) * idLength)
    else segment.consumers.latin1Write(row.consumer_id.slice(4), at * idLength, idLength)
    segment.expiresAtMs[at] = row.expires_at_ms
    segment.status[at] = numberOfStatus.get(row.status) ?? unknownStatus
    segment.holderStatus[at] = numberOfStatus.get(key.holderStatus) ?? unknownStatus
    segment.pepperVersion[at] = row.pepper_version
    segment.environment[at] = environment
    segment.restrictions[at] = restrictions
    return true
  }

  remove(publicId: string): void {
    const slot = this.find(publicId)
    if (slot === -1) return
    const segment = this.#segmentOf(slot)
    segment.status[slot & segmentMask] = vacant
    this.#releaseRestrictions(segment.restrictions[slot & segmentMask] as number)
    this.#releaseEnvironment(segment.environment[slot & segmentMask] as number)
  }

  /** Forgets everything: somebody else wrote to the database. */
  clear(): void {
    this.#segments = []
    this.#size = 0
    this.#table = new Uint32Array(1 << 12)
    this.#holderChanges.clear()
    this.#restrictions.length = 0
    this.#restrictionNumbers.clear()
    this.#freeNumbers.length = 0
    this.#restrictionsLength = 0
    this.#environments.length = 0
    this.#environmentNumbers.clear()
    this.#freeEnvironments.length = 0
    this.#statedEnvironments.clear()
  }

  /** Held for the keys that are in memory; without any there is nobody to ask for it. */
  setEnvironment(state: EnvironmentState): void {
    const number = this.#environmentNumbers.get(state.environmentId)
    const environment = number === undefined ? undefined : this.#environments[number]
    if (environment === undefined || environment === null) return
    this.#forgetState(environment)
    for (const first of this.#statedEnvironments) {
      if (this.#statedEnvironments.size < environmentStatesMax) break
      this.#forgetState(first)
    }
    environment.state = state
    this.#statedEnvironments.add(environment)
  }

  forgetEnvironments(isChanged: (state: EnvironmentState) => boolean): void {
    for (const environment of this.#statedEnvironments) {
      if (environment.state !== null && isChanged(environment.state)) this.#forgetState(environment)
    }
  }

  /** A consumer was revoked: counts for all its keys, whenever they were loaded. */
  setHolderStatus(consumerId: string, status: Status): void {
    this.#holderChanges.set(consumerId, status)
  }

  get holderChanges(): number {
    return this.#holderChanges.size
  }

  environmentOf(slot: number): EnvironmentState | null {
    return this.#environments[this.#segmentOf(slot).environment[slot & segmentMask] as number]?.state ?? null
  }

  statusOf = (slot: number): Status => statuses[this.#segmentOf(slot).status[slot & segmentMask] as number] ?? 'revoked'

  holderStatusOf(slot: number): Status {
    if (this.#holderChanges.size > 0) {
      const consumerId = this.consumerIdOf(slot)
      const changed = consumerId === null ? undefined : this.#holderChanges.get(consumerId)
      if (changed !== undefined) return changed
    }
    return statuses[this.#segmentOf(slot).holderStatus[slot & segmentMask] as number] ?? 'revoked'
  }

  consumerIdOf(slot: number): string | null {
    const { consumers } = this.#segmentOf(slot)
    const at = (slot & segmentMask) * idLength
    return consumers[at] === 0 ? null : `con_${consumers.latin1Slice(at, at + idLength)}`
  }

  expiresAtMsOf = (slot: number): number => this.#segmentOf(slot).expiresAtMs[slot & segmentMask] as number

  pepperVersionOf = (slot: number): number => this.#segmentOf(slot).pepperVersion[slot & segmentMask] as number

  restrictionsOf(slot: number): Restrictions {
    const shared = this.#restrictions[this.#segmentOf(slot).restrictions[slot & segmentMask] as number]
    assert(shared !== undefined && shared !== null, 'K6: a key in memory has its restrictions')
    return shared.restrictions
  }

  /** The segment's hashes and where the key's begins, for comparing in place. */
  hashesOf = (slot: number): Buffer => this.#segmentOf(slot).hashes
  hashOffsetOf = (slot: number): number => (slot & segmentMask) * hashLength

  #segmentOf(slot: number): Segment {
    return this.#segments[slot >>> segmentBits] as Segment
  }

  #isAt(slot: number, publicId: string): boolean {
    const { ids } = this.#segmentOf(slot)
    const start = (slot & segmentMask) * idLength
    for (let index = 0; index < idLength; index++) {
      if (ids[start + index] !== publicId.charCodeAt(index)) return false
    }
    return true
  }

  /** The slot for an id: the one it has, or a new one. */
  #claim(publicId: string): number {
    assert(publicId.length === idLength, 'B1: a public id has 16 characters')
    if ((this.#size + 1) * 2 > this.#table.length) this.#grow()
    const mask = this.#table.length - 1
    let at = hashOf(publicId) & mask
    for (; this.#table[at] !== 0; at = (at + 1) & mask) {
      const slot = (this.#table[at] as number) - 1
      if (this.#isAt(slot, publicId)) return slot
    }
    if (this.#size >= slotsMax) return -1
    const slot = this.#size++
    if (slot >>> segmentBits === this.#segments.length) this.#segments.push(new Segment())
    this.#segmentOf(slot).ids.latin1Write(publicId, (slot & segmentMask) * idLength, idLength)
    this.#table[at] = slot + 1
    return slot
  }

  #grow(): void {
    const table = new Uint32Array(this.#table.length * 2)
    const mask = table.length - 1
    for (let slot = 0; slot < this.#size; slot++) {
      const start = (slot & segmentMask) * idLength
      let at = hashOf(this.#segmentOf(slot).ids.latin1Slice(start, start + idLength)) & mask
      while (table[at] !== 0) at = (at + 1) & mask
      table[at] = slot + 1
    }
    this.#table = table
  }

  /** The number of a key's environment, counted as one more key of it. */
  #holdEnvironment(environmentId: string): number {
    const known = this.#environmentNumbers.get(environmentId)
    const held = known === undefined ? undefined : this.#environments[known]
    if (known !== undefined && held !== undefined && held !== null) {
      held.keys++
      return known
    }
    const number = this.#freeEnvironments.pop() ?? this.#environments.length
    this.#environments[number] = { id: environmentId, state: null, keys: 1 }
    this.#environmentNumbers.set(environmentId, number)
    return number
  }

  #releaseEnvironment(number: number): void {
    const environment = this.#environments[number]
    assert(environment !== undefined && environment !== null, 'K2: a key in memory has its environment')
    if (--environment.keys > 0) return
    this.#forgetState(environment)
    this.#environments[number] = null
    this.#environmentNumbers.delete(environment.id)
    this.#freeEnvironments.push(number)
  }

  #forgetState(environment: EnvironmentSlot): void {
    environment.state = null
    this.#statedEnvironments.delete(environment)
  }

  /** The number of a key's restrictions, counted as one more key of them; -1 when there is no room for new ones. */
  #holdRestrictions({ row }: LoadedKey): number {
    const id = restrictionsId(row)
    const known = this.#restrictionNumbers.get(id)
    const shared = known === undefined ? undefined : this.#restrictions[known]
    if (known !== undefined && shared !== undefined && shared !== null) {
      shared.keys++
      return known
    }
    if (this.#restrictionNumbers.size >= distinctRestrictionsMax || this.#restrictionsLength + id.length > restrictionsLengthMax) return -1
    const number = this.#freeNumbers.pop() ?? this.#restrictions.length
    this.#restrictions[number] = { id, restrictions: restrictionsOf(row), keys: 1 }
    this.#restrictionNumbers.set(id, number)
    this.#restrictionsLength += id.length
    return number
  }

  #releaseRestrictions(number: number): void {
    const shared = this.#restrictions[number]
    assert(shared !== undefined && shared !== null, 'K6: a key in memory has its restrictions')
    if (--shared.keys > 0) return
    this.#restrictions[number] = null
    this.#restrictionNumbers.delete(shared.id)
    this.#restrictionsLength -= shared.id.length
    this.#freeNumbers.push(number)
  }
}

/** FNV-1a over the characters; ids are random, so nothing stronger is needed, and nobody chooses them. */
function hashOf(publicId: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < idLength; index++) hash = Math.imul(hash ^ publicId.charCodeAt(index), 0x01000193)
  return hash >>> 0
}
