/**
 * Tasks: one request for a change, with all that the model must know to judge its answer.
 *
 * @module
 */
import { parseToken } from '@claviger/verifier'
import type { Kind, State, Thing, Watch } from './model.ts'

/** What may have been so while a request was under way. */
export interface Seen {
  readonly watch: Watch
  readonly untilMs: number
  /** What the caller may have been allowed. */
  readonly grants: readonly ReadonlySet<string>[]
}

type Json = Readonly<Record<string, unknown>>
export type When = (seen: Seen) => boolean

export interface Task {
  readonly operation: string
  /** The credential that is sent. */
  readonly caller: Thing
  readonly params: Readonly<Record<string, string>>
  readonly body: object | undefined
  readonly ifMatch: number | null
  /** What it changes; null when it makes something. */
  readonly thing: Thing | null
  /** What else its outcome depends on. */
  readonly about: readonly Thing[]
  readonly change: (state: State) => State | null
  /** When it may be done, and with which faults it may be refused when. */
  readonly mayBeDone: When
  readonly refusals: Readonly<Record<string, When>>
  /** What its answer tells of. */
  readonly tells: { readonly kind: Kind; readonly above: readonly Thing[] }
  /** What it makes is called so, and nothing else ever is. */
  readonly name: string | null
}

export const always: When = () => true
export const never: When = () => false
export const may = (thing: Thing | null | undefined, is: (state: State) => boolean): When =>
  ({ watch }) => thing === null || thing === undefined ? true : watch.statesOf(thing).some(is)
export const either = (...conditions: readonly When[]): When => (seen) => conditions.some((condition) => condition(seen))
export const both = (...conditions: readonly When[]): When => (seen) => conditions.every((condition) => condition(seen))

export const isActive = ({ status }: State): boolean => status === 'active'
export const isNot = (status: string) => (state: State): boolean => state['status'] !== status
export const isRevoked = ({ status }: State): boolean => status === 'revoked'

const idFields: Readonly<Record<Kind, string>> = {
  workspace: 'workspaceId', api: 'apiId', environment: 'environmentId', consumer: 'consumerId', key: 'keyId', principal: 'principalId',
}

export const idIn = (kind: Kind, json: Json): string => String(json[idFields[kind]])

/** What of an answer decides anything later. */
const readers: Readonly<Record<Kind, (json: Json, operation: string) => State>> = {
  workspace: ({ status }) => ({ status: status as string }),
  api: ({ status }) => ({ status: status as string }),
  environment: ({ status, recording }) => ({ status: status as string, recording: recording as string }),
  consumer: ({ status, erasedAt }) => ({ status: status as string, erased: erasedAt !== null }),
  principal: ({ status, role, erasedAt }) => ({ status: status as string, role: role as string, erased: erasedAt !== null }),
  key: ({ status, permissions, expiresAt, ipRanges }, operation) => ({
    // A new credential's answer has neither; and of an expired key it says just that.
    status: status === undefined ? 'active' : status === 'expired' && operation === 'keys.disable' ? 'disabled' : (status as string),
    permissions: permissions as string[],
    expiresAt: expiresAt as string,
    ipRanges: (ipRanges ?? []) as string[],
  }),
}

export const stateIn = (kind: Kind, json: Json, operation: string): State => readers[kind](json, operation)

/** A key's id stands in its secret. */
export const keyIdOf = (secret: string): string => `key_${parseToken(secret)?.id ?? ''}`
