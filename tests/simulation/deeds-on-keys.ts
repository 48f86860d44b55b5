/**
 * Every write operation of the keys room, as some client may want it.
 *
 * @module
 */
import type { Dice } from './dice.ts'
import { allowedNetwork, narrowed, permissionsOf } from './model-verification.ts'
import type { State, Thing } from './model.ts'
import { above, changing, isCredential, isCustomers, isDisabled, making, ownOf, targetOf, versionSeen, type Deviser, type Scene } from './scene.ts'
import { always, both, either, isActive, isNot, isRevoked, may, never, type When } from './task.ts'

const reason = { reason: 'key-compromise' }
const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000]

export const catalogue = [
  { name: 'rpc:read', access: 'read' }, { name: 'rpc:write', access: 'write' }, { name: 'rpc:trace', access: 'read' },
]

const createApi: Deviser = (scene) => {
  const name = scene.newName()
  return making(scene, 'apis.create', {
    body: { slug: name, name, prefix: name, permissions: catalogue }, name,
    makes: { kind: 'api', above: [] },
  })
}

/** What is customers' own: not the built-in API, which no client ever names here. */
const updateApi: Deviser = (scene) => {
  const target = targetOf(scene, 'api')
  if (target === null) return null
  const permissions = scene.dice.chance(0.5) ? catalogue : catalogue.slice(0, 2)
  const body = scene.dice.chance(0.5) ? { name: scene.newName() } : { permissions }
  return changing(scene, 'apis.update', target, { apiId: target.thing.id }, {
    body, ifMatch: versionSeen(scene, target),
    change: (state) => (isActive(state) ? state : null),
    refusals: { 'keys/already-revoked': may(target.thing, isRevoked), 'keys/permission-in-use': 'permissions' in body ? always : never },
  })
}

const revoking = (state: State): State | null => (isRevoked(state) ? null : { ...state, status: 'revoked' })

const revokeStanding = (operation: string, kind: 'api' | 'environment' | 'consumer', param: string): Deviser => (scene) => {
  const target = targetOf(scene, kind)
  if (target === null) return null
  return changing(scene, operation, target, { [param]: target.thing.id }, {
    body: reason, change: revoking, refusals: { 'keys/already-revoked': may(target.thing, isRevoked) },
  })
}

const createEnvironment: Deviser = (scene) => {
  const target = targetOf(scene, 'api')
  if (target === null || target.isForeign) return null
  const name = scene.newName()
  return making(scene, 'environments.create', {
    params: { apiId: target.thing.id },
    body: { kind: scene.dice.pick(['test', 'production']), slug: name, tag: name, recording: scene.dice.pick(['durable', 'relaxed']), policy: { maxLifetimeDays: 90 } },
    about: [target.thing], name, makes: { kind: 'environment', above: [target.thing] },
    mayBeDone: may(target.thing, isActive), refusals: { 'keys/already-revoked': may(target.thing, isRevoked) },
  })
}

const updateEnvironment: Deviser = (scene) => {
  const target = targetOf(scene, 'environment')
  if (target === null) return null
  const recording = scene.dice.pick(['durable', 'relaxed'])
  return changing(scene, 'environments.update', target, { environmentId: target.thing.id }, {
    body: { recording }, ifMatch: versionSeen(scene, target),
    change: (state) => (isActive(state) ? { ...state, recording } : null),
    refusals: { 'keys/already-revoked': may(target.thing, isRevoked) },
  })
}

const createConsumer: Deviser = (scene) => {
  const name = scene.newName()
  return making(scene, 'consumers.create', { body: { reference: name, name }, name, makes: { kind: 'consumer', above: [] } })
}

const updateConsumer: Deviser = (scene) => {
  const target = targetOf(scene, 'consumer')
  if (target === null) return null
  return changing(scene, 'consumers.update', target, { consumerId: target.thing.id }, {
    body: { name: scene.newName() }, ifMatch: versionSeen(scene, target),
    change: (state) => (isActive(state) ? state : null), refusals: { 'keys/already-revoked': may(target.thing, isRevoked) },
  })
}

/** Again too: where a key was made meanwhile, or written by somebody else, there is something left to erase. */
export const erasing = (state: State): State => ({ ...state, status: 'revoked', erased: true })

const eraseConsumer: Deviser = (scene) => {
  const target = targetOf(scene, 'consumer')
  if (target === null) return null
  return changing(scene, 'consumers.erase', target, { consumerId: target.thing.id }, {
    change: erasing,
    refusals: { 'keys/already-revoked': may(target.thing, ({ erased }) => erased === true) },
  })
}

const createKey: Deviser = (scene) => {
  const environment = ownOf(scene, 'environment')
  const consumer = scene.dice.chance(0.7) ? ownOf(scene, 'consumer') : null
  const api = environment === null ? null : above(environment, 'api')
  const workspace = scene.model.things.find(({ id }) => id === scene.caller.workspaceId)
  if (environment === null || api === null || workspace === undefined) return null
  const name = scene.newName()
  const terms = termsOf(scene)
  const standing = [...(consumer === null ? [] : [consumer]), environment, api]
  return making(scene, 'keys.create', {
    body: { environmentId: environment.id, ...(consumer === null ? {} : { consumerId: consumer.id }), name, permissions: permissionsFrom(scene.dice), ...terms },
    about: standing, name, makes: { kind: 'key', above: [...standing, workspace] },
    mayBeDone: (seen) => standing.every((thing) => may(thing, isActive)(seen)),
    refusals: { 'keys/already-revoked': anyRevoked(standing), 'keys/unknown-permission': always, 'keys/invalid-expiry': endsBy(terms) },
  })
}

const anyRevoked = (things: readonly Thing[]): When => either(...things.map((thing) => may(thing, isRevoked)))

/** One of them seldom, so that it can often be taken from the catalogue, while somebody may be giving it to a key. */
const permissionsFrom = (dice: Dice): readonly string[] => catalogue.map(({ name }) => name).filter((name) => dice.chance(name === 'rpc:trace' ? 0.1 : 0.6))

/** Mostly short lives, so that keys end while they are looked at. */
interface Terms {
  readonly expiresAt?: string
  readonly ipRanges: readonly string[]
}

const termsOf = ({ dice, nowMs }: Scene): Terms => ({
  expiresAt: new Date(nowMs + dice.pick([minuteMs, hourMs, dayMs, 60 * dayMs])).toISOString(),
  ipRanges: dice.chance(0.2) ? [allowedNetwork] : [],
})

const endsBy = ({ expiresAt }: Terms): When => ({ untilMs }) => expiresAt !== undefined && untilMs >= Date.parse(expiresAt)

const mayBeExpired = (key: Thing): When => (seen) => may(key, ({ expiresAt }) => seen.untilMs >= Date.parse(String(expiresAt)))(seen)
const mayBeUnexpired = (key: Thing): When => (seen) => may(key, ({ expiresAt }) => seen.watch.fromMs < Date.parse(String(expiresAt)))(seen)

const updateKey: Deviser = (scene) => {
  const target = targetOf(scene, 'key', isCustomers)
  if (target === null) return null
  const { thing } = target
  if (isCredential(thing)) {
    return changing(scene, 'keys.update', target, { keyId: thing.id }, {
      body: { name: scene.newName() }, change: () => null, mayBeDone: never, refusals: { 'keys/built-in': always },
    })
  }
  const { dice } = scene
  const permissions = dice.chance(0.5) ? { permissions: permissionsFrom(dice) } : {}
  const terms: Terms = dice.chance(0.5) ? termsOf(scene) : { ipRanges: dice.chance(0.5) ? [allowedNetwork] : [] }
  const standing = thing.above.filter(({ kind }) => kind !== 'workspace')
  return changing(scene, 'keys.update', target, { keyId: thing.id }, {
    body: { ...permissions, ...terms }, ifMatch: versionSeen(scene, target), about: standing,
    change: (state) => (isRevoked(state) ? null : { ...state, ...terms, ...('permissions' in permissions ? { permissions: permissions.permissions.toSorted() } : {}) }),
    mayBeDone: both(mayBeUnexpired(thing), (seen) => standing.every((one) => may(one, isActive)(seen))),
    refusals: {
      'keys/already-revoked': either(may(thing, isRevoked), anyRevoked(standing)), 'keys/not-active': mayBeExpired(thing),
      'keys/unknown-permission': always, 'keys/breaks-policy': always, 'keys/invalid-expiry': endsBy(terms),
    },
  })
}

/** What a credential of the control plane takes from who ends or enables it. */
function authorityOver(scene: Scene, key: Thing) {
  const [holder] = key.above
  if (holder === undefined || !isCredential(key)) return { about: [], mayBeDone: always, refusals: {} }
  const needed: (states: readonly State[]) => ReadonlySet<string>[] = (states) => states.map(({ role }) => narrowed(permissionsOf(String(role)), key.state))
  return {
    about: [holder],
    mayBeDone: both(key === scene.caller ? never : always, ({ watch, grants }) => needed(watch.statesOf(holder)).some((all) => grants.some((held) => all.isSubsetOf(held)))),
    refusals: {
      'keys/own-credential': key === scene.caller ? always : never,
      'keys/lacks-authority': (({ watch, grants }) => needed(watch.statesOf(holder)).some((all) => grants.some((held) => !all.isSubsetOf(held)))) as When,
    },
  }
}

const disableKey: Deviser = (scene) => {
  const target = targetOf(scene, 'key', scene.dice.chance(0.7) ? isCustomers : undefined)
  if (target === null) return null
  const authority = authorityOver(scene, target.thing)
  return changing(scene, 'keys.disable', target, { keyId: target.thing.id }, {
    ...authority, change: (state) => (isActive(state) ? { ...state, status: 'disabled' } : null),
    refusals: { ...authority.refusals, 'keys/not-active': may(target.thing, isNot('active')) },
  })
}

const enableKey: Deviser = (scene) => {
  const target = targetOf(scene, 'key', isDisabled)
  if (target === null) return null
  const { thing } = target
  const authority = authorityOver(scene, thing)
  const standing = thing.above.filter(({ kind }) => kind === 'consumer' || kind === 'environment' || kind === 'api')
  return changing(scene, 'keys.enable', target, { keyId: thing.id }, {
    about: [...authority.about, ...standing],
    change: (state) => (state['status'] === 'disabled' ? { ...state, status: 'active' } : null),
    mayBeDone: both(authority.mayBeDone, mayBeUnexpired(thing), (seen) => standing.every((one) => may(one, isActive)(seen))),
    refusals: {
      ...authority.refusals, 'keys/not-disabled': either(may(thing, isNot('disabled')), mayBeExpired(thing)),
      'keys/already-revoked': anyRevoked(standing), 'keys/breaks-policy': always,
    },
  })
}

const revokeKey: Deviser = (scene) => {
  const target = targetOf(scene, 'key')
  if (target === null) return null
  const authority = authorityOver(scene, target.thing)
  return changing(scene, 'keys.revoke', target, { keyId: target.thing.id }, {
    ...authority, body: reason, change: revoking, refusals: { ...authority.refusals, 'keys/already-revoked': may(target.thing, isRevoked) },
  })
}

export const deedsOnKeys: readonly (readonly [weight: number, Deviser])[] = [
  [2, createApi], [3, updateApi], [1, revokeStanding('apis.revoke', 'api', 'apiId')],
  [3, createEnvironment], [3, updateEnvironment], [2, revokeStanding('environments.revoke', 'environment', 'environmentId')],
  [4, createConsumer], [3, updateConsumer], [3, revokeStanding('consumers.revoke', 'consumer', 'consumerId')], [2, eraseConsumer],
  [16, createKey], [10, updateKey], [10, disableKey], [10, enableKey], [8, revokeKey],
]
