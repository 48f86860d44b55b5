/**
 * What a verification may answer, by the model: worked out from what the README of the keys room promises, not from its
 * code.
 *
 * @module
 */
import { operations } from '../../src/apps/operations.ts'
import { readDetails } from '#cap/audit'
import { alterationOf, type State, type Thing, type Watch } from './model.ts'

/** What is asked of a key. */
export interface Asked {
  readonly permission: string | null
  readonly environmentId: string | null
  readonly clientIp: string
}

/** Addresses that keys with an address range allow. */
export const allowedNetwork = '10.0.0.0/8'
const isAllowed = (clientIp: string): boolean => clientIp.startsWith('10.')

type Check = (state: State) => string | null

const byStatus: Check = ({ status }) => (status === 'active' ? null : String(status))

/** The codes that fit, in the order in which the checks are promised; the first that cannot but refuse is the last. */
export function codesOf(key: Thing, watch: Watch, untilMs: number, asked: Asked): ReadonlySet<string> {
  const alteration = alterationOf(key, watch)
  const codes = new Set<string>(alteration === 'never' ? [] : ['tampered'])
  if (alteration === 'throughout') return codes
  const levels: (readonly [Thing, Check])[] = [
    [key, byStatus],
    // A principal is no holder that a data plane knows of.
    ...key.above.filter(({ kind }) => kind !== 'principal').map((thing) => [thing, byStatus] as const),
  ]
  const own: readonly Check[] = [
    () => (asked.environmentId === null || key.above.some(({ id }) => id === asked.environmentId) ? null : 'wrong-environment'),
    ({ ipRanges }) => ((ipRanges as readonly string[]).length === 0 || isAllowed(asked.clientIp) ? null : 'ip-not-allowed'),
    ({ permissions }) => (asked.permission === null || (permissions as readonly string[]).includes(asked.permission) ? null : 'permission-denied'),
  ]
  for (const [thing, check] of levels) if (!passes(watch.statesOf(thing), check, codes)) return codes
  if (!passesExpiry(key, watch, untilMs, codes)) return codes
  for (const check of own) if (!passes(watch.statesOf(key), check, codes)) return codes
  return codes.add('valid')
}

/** Adds each reason that there may have been; true when there may have been none. */
function passes(states: readonly State[], check: Check, codes: Set<string>): boolean {
  let may = false
  for (const state of states) {
    const code = check(state)
    if (code === null) may = true
    else codes.add(code)
  }
  return may
}

function passesExpiry(key: Thing, watch: Watch, untilMs: number, codes: Set<string>): boolean {
  const ends = watch.statesOf(key).map(({ expiresAt }) => Date.parse(String(expiresAt)))
  if (ends.some((endMs) => untilMs >= endMs)) codes.add('expired')
  return ends.some((endMs) => watch.fromMs < endMs)
}

const grantedBy = new Map<string, ReadonlySet<string>>()
export const everyRole = ['owner', 'admin', 'operator', 'developer', 'auditor'] as const

/** What a role may do, as the operations declare it. */
export function permissionsOf(role: string): ReadonlySet<string> {
  let granted = grantedBy.get(role)
  if (granted === undefined) {
    const holders = [...operations, readDetails].filter(({ roles }) => (roles as readonly string[]).includes(role))
    grantedBy.set(role, (granted = new Set(holders.map(({ permission }) => permission))))
  }
  return granted
}

/** Whether a credential may have been refused, and what it may have granted where it was not. */
export interface Standing {
  readonly mayBeRefused: boolean
  readonly grants: readonly ReadonlySet<string>[]
}

/** A credential is a key whose holder is a principal. */
export function standingOf(credential: Thing, watch: Watch, untilMs: number): Standing {
  const codes = codesOf(credential, watch, untilMs, { permission: null, environmentId: null, clientIp: '' })
  const [holder] = credential.above
  const states = holder === undefined ? [] : watch.statesOf(holder)
  const mayBeRefused = codes.size > 1 || !codes.has('valid') || states.some(({ status }) => status !== 'active')
  if (!codes.has('valid')) return { mayBeRefused, grants: [] }
  const roles = states.filter(({ status }) => status === 'active').map(({ role }) => String(role))
  return { mayBeRefused, grants: roles.map((role) => narrowed(permissionsOf(role), credential.state)) }
}

export function narrowed(role: ReadonlySet<string>, { permissions }: State): ReadonlySet<string> {
  const held = permissions as readonly string[]
  return held.includes('*') ? role : new Set(held.filter((permission) => role.has(permission)))
}
