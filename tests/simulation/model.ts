/**
 * The model: what the clients of a simulated instance know, and what therefore must be so.
 *
 * It keeps, of everything that has an id, the newest state that an answer told of, and the deeds that were sent and not
 * answered for certain: each of those may have happened or not. So a thing has a set of states that it may be in, mostly
 * of one, and whoever looks at it for a while collects them. It knows nothing of rows, commits or caches.
 *
 * @module
 */
import type { JsonValue } from '#core/base/json'

export type Kind = 'workspace' | 'api' | 'environment' | 'consumer' | 'key' | 'principal'
export type State = Readonly<Record<string, JsonValue>>

/** What one request is to change, once, however often it is sent. */
export interface Deed {
  readonly operation: string
  /** Null for what makes something new. */
  readonly thing: Thing | null
  /** Null where it cannot happen. */
  readonly change: (state: State) => State | null
  readonly firstSentAt: number
  lastSentAt: number
  /** Requests that the server has neither answered nor lost. */
  underWay: number
  /** When a request ended whose outcome is not known; 0 when there is none. */
  unknownSince: number
  done: boolean
  /** Sent again after the time for which the server remembers it: it may then happen twice. */
  stale: boolean
}

export interface Thing {
  readonly id: string
  readonly kind: Kind
  readonly workspaceId: string
  /** Of a key: its holder, environment, API, workspace. */
  readonly above: readonly Thing[]
  /** Of a key whose secret reached its client. */
  readonly secret: string | null
  version: number
  state: State
  /** False where it was changed together with something else, and its own version was not told. */
  isExact: boolean
  /** It was made while its holder was erased, before or after: whoever erases again finds what was overlooked. */
  mayBeErased: boolean
  /** Since when its row is not as we wrote it, or null; and until when it was so before. */
  alteredSince: number | null
  alteredUntil: number
  /** When it became known. */
  readonly knownSince: number
  /** Deeds that may have happened, or may yet, beyond the state that is known. */
  readonly open: Set<Deed>
  /** Which deed made which version. */
  readonly madeBy: Map<number, Deed>
}

type NewThing = Pick<Thing, 'id' | 'kind' | 'workspaceId' | 'above' | 'secret' | 'version' | 'state'>

export class Violation extends Error {
  override readonly name = 'Violation'
}

export function demand(condition: boolean, says: () => string): asserts condition {
  if (!condition) throw new Violation(says())
}

/** Somebody looks at some things for a while: every state that they may have been in meanwhile. */
export interface Watch {
  readonly fromMs: number
  readonly from: number
  statesOf(thing: Thing): readonly State[]
  readonly things: readonly Thing[]
}

interface Collecting extends Watch {
  readonly seen: ReadonlyMap<Thing, Map<string, State>>
}

export class Model {
  readonly things: Thing[] = []
  /** Entries that answers named, and what they must say. */
  readonly entries = new Map<string, { readonly workspaceId: string; readonly target: string }>()
  readonly deeds: Deed[] = []
  readonly #watches = new Set<Collecting>()
  /** Counts what happens. */
  #now = 0

  ofKind(kind: Kind): readonly Thing[] {
    return this.things.filter((thing) => thing.kind === kind)
  }

  keysOf(holder: Thing): readonly Thing[] {
    return this.things.filter(({ above }) => above[0] === holder)
  }

  add(thing: NewThing): Thing {
    const known = this.things.find(({ id }) => id === thing.id)
    if (known !== undefined) return known
    const added: Thing = {
      ...thing, isExact: true, mayBeErased: thing.above[0]?.state['erased'] === true, alteredSince: null, alteredUntil: 0, knownSince: this.#now,
      open: new Set(), madeBy: new Map(),
    }
    this.things.push(added)
    return added
  }

  /** A request is sent for something new. */
  plan(deed: Pick<Deed, 'operation' | 'thing' | 'change'>): Deed {
    const planned: Deed = { ...deed, firstSentAt: this.#now + 1, lastSentAt: 0, underWay: 0, unknownSince: 0, done: false, stale: false }
    this.deeds.push(planned)
    return planned
  }

  /** @returns when; to be given back with the outcome */
  sent(deed: Deed): number {
    deed.underWay++
    deed.lastSentAt = ++this.#now
    if (!deed.done || deed.stale) deed.thing?.open.add(deed)
    this.#changed(deed.thing)
    return deed.lastSentAt
  }

  /** It was answered that it is done, at first or again. @param made what the thing is now, where it has a version */
  done(deed: Deed, made: { readonly version: number; readonly state: State } | null): void {
    // Answered again, it did nothing again, unless the server had forgotten it.
    const isNew = !deed.done || deed.stale
    deed.underWay--
    deed.done = true
    this.#now++
    const { thing } = deed
    if (thing === null) return
    if (made !== null) this.#made(thing, deed, made)
    if (isErasure(deed) && isNew) this.#eraseKeysOf(thing, deed)
    if (deed.underWay === 0) thing.open.delete(deed)
    this.#changed(thing)
  }

  #eraseKeysOf(holder: Thing, { firstSentAt }: Deed): void {
    for (const key of this.keysOf(holder)) {
      this.restored(key)
      if (key.knownSince < firstSentAt) Object.assign(key, { state: withHolderErased(key.state), isExact: false })
      else key.mayBeErased = true
    }
  }

  #made(thing: Thing, deed: Deed, { version, state }: { readonly version: number; readonly state: State }): void {
    const before = thing.madeBy.get(version)
    demand(before === undefined || before === deed, () => `${thing.id}: ${deed.operation} and ${before?.operation} both made version ${version}: one of them is lost`)
    thing.madeBy.set(version, deed)
    if (version <= thing.version) return
    this.restored(thing)
    thing.version = version
    // Of a key that was erased with its holder nothing changes any more.
    if (thing.isExact || thing.state['status'] !== 'revoked') thing.state = state
    // What ended before this was sent came before it, if it came at all.
    for (const other of thing.open) {
      if (other !== deed && other.underWay === 0 && other.unknownSince < deed.firstSentAt) thing.open.delete(other)
    }
  }

  /**
   * It was answered that it is not done.
   *
   * @param sentAt of this request
   * @param isConclusive whether the answer came after the server had looked whether an earlier request did it
   */
  refused(deed: Deed, sentAt: number, isConclusive: boolean): void {
    deed.underWay--
    this.#now++
    // Had an earlier one done it, this one would have been answered so. A later one may still be on its way.
    if (deed.underWay === 0 && deed.unknownSince < (isConclusive ? sentAt : 1)) {
      deed.unknownSince = 0
      deed.thing?.open.delete(deed)
    }
  }

  /** Whether nothing is on its way that changes it. */
  isQuiet(thing: Thing): boolean {
    return openChanges(thing).length === 0 && !this.deeds.some((deed) => deed.underWay > 0 && (deed.thing === thing || deed.thing === thing.above[0]))
  }

  /** Somebody else is about to write its row, so that until that is done it may be ours or not. */
  beingAltered(thing: Thing): void {
    Object.assign(thing, { alteredSince: null, alteredUntil: Infinity })
  }

  /** Somebody else wrote its row. What it says beside its status, nobody may rely on from here on. */
  altered(thing: Thing): void {
    const now = ++this.#now
    Object.assign(thing, { alteredSince: now, alteredUntil: now, isExact: false })
  }

  /** Its row is ours again. */
  restored(thing: Thing): void {
    if (thing.alteredSince !== null || thing.alteredUntil === Infinity) Object.assign(thing, { alteredSince: null, alteredUntil: ++this.#now })
  }

  /** Somebody was told that it is revoked, and not by whom. */
  foundRevoked(thing: Thing): void {
    const [state, ...others] = new Set(possibleStates(thing).map((one) => JSON.stringify({ ...one, status: 'revoked' })))
    // What else it may be is not known to whoever learns just that.
    if (state === undefined || others.length > 0) return
    this.#now++
    thing.state = JSON.parse(state) as State
    this.#changed(thing)
  }

  /** It was sent when the server may have forgotten that it was done: it may happen once more. */
  forgotten(deed: Deed): void {
    deed.stale = true
    deed.thing?.open.add(deed)
    this.#changed(deed.thing)
  }

  /** Nobody knows: no answer, or one of an outage. */
  unknown(deed: Deed): void {
    deed.underWay--
    deed.unknownSince = ++this.#now
  }

  /** Deeds of which it is not known whether they happened. */
  unsettled(): readonly Deed[] {
    return this.deeds.filter((deed) => (!deed.done && (deed.underWay > 0 || deed.unknownSince > 0)) || deed.stale)
  }

  watch(things: readonly Thing[], fromMs: number): Watch {
    const seen = new Map([...new Set(things)].map((thing) => [thing, new Map<string, State>()]))
    const watch: Collecting = { things, seen, fromMs, from: ++this.#now, statesOf: (thing) => [...(seen.get(thing)?.values() ?? [])] }
    this.#watches.add(watch)
    for (const thing of seen.keys()) this.#look(watch, thing)
    return watch
  }

  leave(watch: Watch): void {
    this.#watches.delete(watch as Collecting)
  }

  #changed(thing: Thing | null): void {
    if (thing === null) return
    for (const one of [thing, ...this.keysOf(thing)]) for (const watch of this.#watches) this.#look(watch, one)
  }

  #look({ seen }: Collecting, thing: Thing): void {
    const states = seen.get(thing)
    if (states !== undefined) for (const state of possibleStates(thing)) states.set(JSON.stringify(state), state)
  }
}

/** Whoever is erased leaves no keys that count, nor anything in them. */
const isErasure = ({ operation }: Deed): boolean => operation.endsWith('.erase')
const withHolderErased = (state: State): State => ({ ...state, status: 'revoked', ipRanges: [] })

/** What may have been done to a thing beyond what is known. */
function openChanges({ open, mayBeErased, above: [holder] }: Thing): readonly Deed['change'][] {
  const isHolderErased = mayBeErased || (holder !== undefined && [...holder.open].some(isErasure))
  return [...[...open].map(({ change }) => change), ...(isHolderErased ? [withHolderErased] : [])]
}

/** Whether its row was altered for as long as somebody looked, at times, or never. @param own what whoever looks has in mind */
export function alterationOf(thing: Thing, { from }: Watch, own: Deed['change'] | null = null): 'throughout' | 'partly' | 'never' {
  const { alteredSince, alteredUntil } = thing
  if (alteredSince !== null && alteredSince < from && openChanges(thing).every((change) => change === own)) return 'throughout'
  return alteredSince !== null || alteredUntil > from ? 'partly' : 'never'
}

export const isCertain = (thing: Thing): boolean => thing.isExact && openChanges(thing).length === 0

/** Every state that a thing may be in: the one that is known, and what open deeds, in any order, may have made of it. */
export function possibleStates(thing: Thing): readonly State[] {
  const changes = openChanges(thing)
  if (changes.length === 0) return [thing.state]
  const found = new Map([[JSON.stringify(thing.state), thing.state]])
  for (const before of found.values()) {
    for (const change of changes) {
      const after = change(before)
      if (after !== null) found.set(JSON.stringify(after), after)
    }
  }
  return [...found.values()]
}
