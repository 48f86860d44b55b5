import { cidrContains, parseIp, type Cidr } from './cidr.ts'
import { windowContains, type TimeWindow } from './time-window.ts'
import { verdictOf, type Verdict } from './verdict.ts'

/** What a key, or anything it stands under, can be (NIST SP 800-57 part 1 §7). Only keys are pending or retiring. */
export type Status = 'active' | 'disabled' | 'pending' | 'retiring' | 'revoked'

/** What many keys have in common: one object, held by all of their records. */
export interface Restrictions {
  readonly permissions: ReadonlySet<string>
  /** From where it may be used; empty: from anywhere. */
  readonly ipRanges: readonly Cidr[]
  /** Web origins as browsers send them (RFC 6454 §6.2), compared exactly; empty: any, or none. */
  readonly origins: readonly string[]
  readonly window: TimeWindow | null
}

/** What has to be known of a key to decide. */
export interface VerificationRecord {
  readonly keyId: string
  readonly status: Status
  /** The consumer's or principal's; `active` when nobody holds it. */
  readonly holderStatus: Status
  readonly environmentStatus: Status
  readonly apiStatus: Status
  readonly workspaceStatus: Status
  /** The first millisecond at which it no longer counts; null: never. */
  readonly expiresAtMs: number | null
  readonly environmentId: string
  readonly restrictions: Restrictions
}

/** What is asked of it. */
export interface VerificationRequest {
  readonly atMs: number
  /** The environment that the key must belong to; absent: any. */
  readonly environmentId?: string | undefined
  /** The client's address, as the caller knows it. No header is ever looked at here. */
  readonly clientIp?: string | undefined
  readonly origin?: string | undefined
  /** It must hold all of `all` and one of `any`; an empty `any` is held by nobody. */
  readonly permissions?: { readonly all?: readonly string[] | undefined; readonly any?: readonly string[] | undefined } | undefined
}

/**
 * Decides whether a key that proved itself may do what is asked. Pure; verdicts are constants, so nothing is allocated
 * but the parsed client address, and that only when the key is bound to addresses.
 *
 * Guarantee V3: the checks run in one order (status of the key, its holder, environment, API, workspace; expiry;
 * environment; source; permissions) and the first that fails is the answer.
 * Guarantee V5: each check can only refuse, so taking something away never lets a refused request pass.
 */
export function decide(record: VerificationRecord, request: VerificationRequest): Verdict {
  return (
    refusalByStatus(record.status) ??
    refusalByStatus(record.holderStatus) ??
    refusalByStatus(record.environmentStatus) ??
    refusalByStatus(record.apiStatus) ??
    refusalByStatus(record.workspaceStatus) ??
    refusalByExpiry(record.expiresAtMs, request.atMs) ??
    refusalByEnvironment(record.environmentId, request.environmentId) ??
    refusalByAddress(record.restrictions.ipRanges, request.clientIp) ??
    refusalByOrigin(record.restrictions.origins, request.origin) ??
    refusalByWindow(record.restrictions.window, request.atMs) ??
    refusalByPermissions(record.restrictions.permissions, request.permissions) ??
    verdictOf('valid')
  )
}

/** Guarantee V4: a status that is not known counts as revoked, whatever it says. */
function refusalByStatus(status: Status): Verdict | null {
  if (status === 'active' || status === 'retiring') return null
  if (status === 'disabled') return verdictOf('disabled')
  return status === 'pending' ? verdictOf('pending') : verdictOf('revoked')
}

/** Asked as "is it still before", so that a time that is not a number is not. */
const refusalByExpiry = (expiresAtMs: number | null, atMs: number): Verdict | null =>
  atMs < (expiresAtMs ?? Number.POSITIVE_INFINITY) ? null : verdictOf('expired')

const refusalByEnvironment = (environmentId: string, wanted: string | undefined): Verdict | null =>
  wanted === undefined || wanted === environmentId ? null : verdictOf('wrong-environment')

function refusalByAddress(ranges: readonly Cidr[], clientIp: string | undefined): Verdict | null {
  if (ranges.length === 0) return null
  if (clientIp === undefined) return verdictOf('ip-required')
  const address = parseIp(clientIp)
  if (address === null) return verdictOf('ip-not-allowed')
  for (const range of ranges) if (cidrContains(range, address)) return null
  return verdictOf('ip-not-allowed')
}

function refusalByOrigin(origins: readonly string[], origin: string | undefined): Verdict | null {
  if (origins.length === 0) return null
  if (origin === undefined) return verdictOf('origin-required')
  return origins.includes(origin) ? null : verdictOf('origin-not-allowed')
}

const refusalByWindow = (window: TimeWindow | null, atMs: number): Verdict | null =>
  window === null || windowContains(window, atMs) ? null : verdictOf('outside-window')

function refusalByPermissions(held: ReadonlySet<string>, wanted: VerificationRequest['permissions']): Verdict | null {
  if (wanted === undefined) return null
  const { all, any } = wanted
  if (all !== undefined) for (const permission of all) if (!held.has(permission)) return verdictOf('permission-denied')
  if (any === undefined) return null
  for (const permission of any) if (held.has(permission)) return null
  return verdictOf('permission-denied')
}
