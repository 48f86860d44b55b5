/**
 * A scene: what somebody sees who is about to send a request.
 *
 * @module
 */
import type { Dice } from './dice.ts'
import { alterationOf, type Kind, type Model, type State, type Thing } from './model.ts'
import { always, both, either, isActive, may, never, type Task, type When } from './task.ts'

export interface Scene {
  readonly model: Model
  readonly dice: Dice
  readonly nowMs: number
  /** The credential that is used. */
  readonly caller: Thing
  /** The owner that a run cannot do without: nothing is done to it. */
  readonly root: Thing
  /** A word that nothing else is called by. */
  readonly newName: () => string
  /** What a rival has in mind: the things that somebody else's request, which is under way, is about. */
  readonly near?: readonly Thing[]
}

/** What one operation makes of a scene; null when there is nothing to do it to. */
export type Deviser = (scene: Scene) => Task | null

/** How often somebody asks for what is another workspace's. */
const strangerChance = 0.04

export interface Target {
  readonly thing: Thing
  readonly isForeign: boolean
}

/** Something of this kind, mostly of the caller's own workspace, and mostly something that the deed makes sense for. */
export function targetOf(scene: Scene, kind: Kind, suits: (thing: Thing) => boolean = ({ state }) => isActive(state)): Target | null {
  const { model, dice, caller, root, near } = scene
  const isForeign = dice.chance(strangerChance)
  const things = (near?.filter((thing) => thing.kind === kind) ?? model.ofKind(kind)).filter((thing) => (thing.workspaceId === caller.workspaceId) !== isForeign && thing !== root && thing !== root.above[0])
  const thing = pickOf(dice, things, suits)
  return thing === null ? null : { thing, isForeign }
}

/** Something of the caller's own. */
export function ownOf({ model, dice, caller, near = [] }: Scene, kind: Kind): Thing | null {
  const own = (things: readonly Thing[]): readonly Thing[] => things.filter((thing) => thing.kind === kind && thing.workspaceId === caller.workspaceId)
  const nearest = own(near)
  return pickOf(dice, nearest.length > 0 ? nearest : own(model.things), ({ state }) => isActive(state))
}

function pickOf(dice: Dice, things: readonly Thing[], suits: (thing: Thing) => boolean): Thing | null {
  const suitable = dice.chance(0.8) ? things.filter(suits) : things
  return suitable.length === 0 ? null : dice.pick(suitable)
}

export const above = (thing: Thing, kind: Kind): Thing | null => thing.above.find((one) => one.kind === kind) ?? null
export const isCredential = ({ above: [holder] }: Thing): boolean => holder?.kind === 'principal'
export const isDisabled = ({ state }: Thing): boolean => state['status'] === 'disabled'
/** Mostly what customers hold. */
export const isCustomers = (thing: Thing): boolean => !isCredential(thing) && isActive(thing.state)

const notFound: Readonly<Record<Kind, string>> = {
  workspace: 'principals/workspace-not-found', api: 'keys/api-not-found', environment: 'keys/environment-not-found',
  consumer: 'keys/consumer-not-found', key: 'keys/not-found', principal: 'principals/not-found',
}

interface Parts {
  readonly body?: object
  readonly ifMatch?: number | null
  readonly about?: readonly Thing[]
  readonly change: (state: State) => State | null
  readonly mayBeDone?: When
  readonly refusals?: Readonly<Record<string, When>>
}

/** A change of something that is there; of another workspace's it is refused as if it were not. */
export function changing(scene: Scene, operation: string, { thing, isForeign }: Target, params: Task['params'], parts: Parts): Task {
  const { body, ifMatch = null, about = [], change, mayBeDone = always, refusals = {} } = parts
  const common = { operation, caller: scene.caller, params, body, ifMatch, change, tells: { kind: thing.kind, above: thing.above }, name: null }
  if (isForeign) return { ...common, thing: null, about: [], mayBeDone: never, refusals: { [notFound[thing.kind]]: always } }
  const precondition = ifMatch === null ? {} : { 'http/precondition-failed': always }
  const happens = may(thing, (state) => change(state) !== null)
  // What a row that was altered says does not keep it from being taken away.
  const isAltered: When = ({ watch }) => alterationOf(thing, watch) !== 'never'
  return {
    ...common, thing, about: [thing, ...about], refusals: { ...refusals, ...precondition },
    mayBeDone: both(either(happens, isAltered), mayBeDone),
  }
}

interface MakingParts extends Omit<Parts, 'change' | 'ifMatch'> {
  readonly params?: Task['params']
  readonly name: string | null
  readonly makes: Task['tells']
}

export const making = (scene: Scene, operation: string, { params = {}, body, about = [], name, makes, mayBeDone = always, refusals = {} }: MakingParts): Task => ({
  operation, caller: scene.caller, params, body, ifMatch: null, thing: null, about, change: () => null, mayBeDone, refusals, tells: makes, name,
})

/** Sometimes the version that was seen last, which may be old. */
export const versionSeen = ({ dice }: Scene, { thing }: Target): number | null => (dice.chance(0.2) ? thing.version : null)
