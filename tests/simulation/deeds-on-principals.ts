/**
 * Every write operation of the principals room, as some client may want it.
 *
 * @module
 */
import { erasing } from './deeds-on-keys.ts'
import { everyRole, permissionsOf } from './model-verification.ts'
import type { State, Thing } from './model.ts'
import { changing, isDisabled, making, targetOf, versionSeen, type Deviser, type Scene } from './scene.ts'
import { always, both, isActive, isNot, isRevoked, may, never, type Seen, type When } from './task.ts'

/** Whether the caller may have held all that a role grants, and whether it may have lacked some. */
const holds = (needed: (seen: Seen) => readonly ReadonlySet<string>[]): When => (seen) => needed(seen).some((all) => seen.grants.some((held) => all.isSubsetOf(held)))
const lacks = (needed: (seen: Seen) => readonly ReadonlySet<string>[]): When => (seen) => needed(seen).some((all) => seen.grants.some((held) => !all.isSubsetOf(held)))

const rolesOf = (principal: Thing) => ({ watch }: Seen): readonly ReadonlySet<string>[] => watch.statesOf(principal).map(({ role }) => permissionsOf(String(role)))
const role = (name: string) => (): readonly ReadonlySet<string>[] => [permissionsOf(name)]

const isLastOwner = (scene: Scene, principal: Thing): When => {
  // The owner of the first workspace stays, so nobody else is its last one.
  if (principal.workspaceId === scene.root.workspaceId) return never
  return may(principal, (state) => state['role'] === 'owner' && isActive(state))
}

const createPrincipal: Deviser = (scene) => {
  const wanted = scene.dice.pick(everyRole)
  const name = scene.newName()
  return making(scene, 'principals.create', {
    body: { name, role: wanted }, name, makes: { kind: 'principal', above: [] },
    mayBeDone: holds(role(wanted)), refusals: { 'principals/lacks-authority': lacks(role(wanted)) },
  })
}

const updatePrincipal: Deviser = (scene) => {
  const target = targetOf(scene, 'principal')
  if (target === null) return null
  const { thing } = target
  const wanted = scene.dice.pick(everyRole)
  return changing(scene, 'principals.update', target, { principalId: thing.id }, {
    body: { role: wanted }, ifMatch: versionSeen(scene, target),
    change: (state) => (isRevoked(state) ? null : { ...state, role: wanted }),
    mayBeDone: both(holds(rolesOf(thing)), holds(role(wanted))),
    refusals: {
      'principals/already-revoked': may(thing, isRevoked), 'principals/last-owner': isLastOwner(scene, thing),
      'principals/lacks-authority': (seen) => lacks(rolesOf(thing))(seen) || lacks(role(wanted))(seen),
    },
  })
}

const changePrincipal = (operation: string, change: (state: State) => State | null, refusals: (scene: Scene, principal: Thing) => Readonly<Record<string, When>>): Deviser => (scene) => {
  const target = targetOf(scene, 'principal', operation === 'principals.enable' ? isDisabled : undefined)
  if (target === null) return null
  const { thing } = target
  return changing(scene, operation, target, { principalId: thing.id }, {
    change, mayBeDone: holds(rolesOf(thing)), refusals: { ...refusals(scene, thing), 'principals/lacks-authority': lacks(rolesOf(thing)) },
  })
}

const disablePrincipal = changePrincipal('principals.disable', (state) => (isActive(state) ? { ...state, status: 'disabled' } : null), (scene, thing) => ({
  'principals/not-active': may(thing, isNot('active')), 'principals/last-owner': isLastOwner(scene, thing),
}))
const enablePrincipal = changePrincipal('principals.enable', (state) => (state['status'] === 'disabled' ? { ...state, status: 'active' } : null), (_scene, thing) => ({
  'principals/not-disabled': may(thing, isNot('disabled')),
}))
const revokePrincipal = changePrincipal('principals.revoke', (state) => (isRevoked(state) ? null : { ...state, status: 'revoked' }), (scene, thing) => ({
  'principals/already-revoked': may(thing, isRevoked), 'principals/last-owner': isLastOwner(scene, thing),
}))
const erasePrincipal = changePrincipal('principals.erase', erasing, (scene, thing) => ({
  'principals/already-revoked': may(thing, ({ erased }) => erased === true), 'principals/last-owner': isLastOwner(scene, thing),
}))

const createCredential: Deviser = (scene) => {
  const target = targetOf(scene, 'principal')
  const workspace = scene.model.things.find(({ id }) => id === scene.caller.workspaceId)
  if (target === null || target.isForeign || workspace === undefined) return null
  const { thing } = target
  const permissions = scene.dice.chance(0.3) ? ['keys:verify'] : ['*']
  // Whoever has the secret acts in the principal's name, so all of its role counts, however little the key grants.
  const named = new Set(permissions.filter((permission) => permission !== '*'))
  const needed = ({ watch }: Seen): readonly ReadonlySet<string>[] => watch.statesOf(thing).map((state) => permissionsOf(String(state['role'])).union(named))
  const name = scene.newName()
  return making(scene, 'principals.create-credential', {
    params: { principalId: thing.id }, body: { name, permissions }, about: [thing], name,
    makes: { kind: 'key', above: [thing, workspace] },
    mayBeDone: both(may(thing, isActive), holds(needed)),
    refusals: { 'principals/not-active': may(thing, isNot('active')), 'principals/lacks-authority': lacks(needed) },
  })
}

const isOfFirst = ({ caller, root }: Scene): boolean => caller.workspaceId === root.workspaceId

const createWorkspace: Deviser = (scene) => {
  const name = scene.newName()
  return making(scene, 'workspaces.create', {
    body: { name, ownerName: 'Owner' }, name, makes: { kind: 'workspace', above: [] },
    mayBeDone: isOfFirst(scene) ? always : never, refusals: { 'principals/not-first-workspace': isOfFirst(scene) ? never : always },
  })
}

const revokeWorkspace: Deviser = (scene) => {
  const workspaces = scene.model.ofKind('workspace').filter(({ id }) => id !== scene.root.workspaceId)
  if (workspaces.length === 0) return null
  const thing = scene.dice.pick(workspaces)
  return changing(scene, 'workspaces.revoke', { thing, isForeign: false }, { workspaceId: thing.id }, {
    body: { reason: 'unspecified' }, change: (state) => (isRevoked(state) ? null : { ...state, status: 'revoked' }),
    mayBeDone: isOfFirst(scene) ? always : never,
    refusals: { 'principals/already-revoked': may(thing, isRevoked), 'principals/not-first-workspace': isOfFirst(scene) ? never : always },
  })
}

export const deedsOnPrincipals: readonly (readonly [weight: number, Deviser])[] = [
  [4, createPrincipal], [5, updatePrincipal], [3, disablePrincipal], [4, enablePrincipal], [2, revokePrincipal], [1, erasePrincipal],
  [5, createCredential], [1, createWorkspace], [0.5, revokeWorkspace],
]
