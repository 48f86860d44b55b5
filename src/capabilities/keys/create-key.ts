import { canonicalCidr, formatToken, isTimeWindow, parseToken, type HmacSha256 } from '@claviger/verifier'
import { Type } from 'typebox'
import { assert } from '#core/base/assert'
import { toTimestamp } from '#core/base/clock'
import type { ApiRow, EnvironmentRow, KeyRow } from './tables.ts'
import type { Random } from '#core/base/id'
import type { Decision } from '#core/http/operation'
import { exactly, idOf, secretString } from '#core/http/schema'
import { canonicalJson } from '#core/base/json'
import type { Expectation } from '#core/storage/commit'
import { requireAbove } from './above.ts'
import { keyFaults } from './faults.ts'
import { checked, keyDetails, keyFacts, presentKey, subjectOf } from './key.ts'
import { keyOutput, keyTerms } from './key-schema.ts'
import { operation } from './operation.ts'
import { chosenPermissions, permissionsNamed, roleGrants, type Permission } from './permission.ts'
import { longestLifetimeMs, requirePolicy, type Policy } from './policy.ts'
import { apiTable, environmentTable, keyTable } from './tables.ts'
import { parseTimestamp } from './timestamp.ts'

export const createKey = operation.write({
  id: 'keys.create',
  summary: 'Issue a key',
  description:
    'Makes a key of one environment and answers with its secret, once: nothing can read it back. Without `expiresAt` the key lives as long as its environment allows.',
  http: 'POST /v1/keys',
  permission: 'keys:create',
  existence: 'keys:read',
  roles: ['owner', 'admin', 'operator', 'developer'],
  criticality: 'none',
  event: 'key.created',
  takesAway: false,
  status: 201,
  faults: [
    'keys/environment-not-found', 'keys/api-not-found', 'keys/consumer-not-found', 'keys/already-revoked', 'keys/built-in', 'keys/unknown-permission',
    'keys/breaks-policy', 'keys/invalid-restriction', 'keys/invalid-expiry', 'storage/tampered',
  ],
  input: { body: exactly({ environmentId: idOf('env'), consumerId: Type.Optional(idOf('con')), ...keyTerms }) },
  output: exactly({ ...keyOutput.properties, secret: secretString({ maxLength: 96, description: 'The key itself. Shown this once.' }) }),
  async decide({ body }, call, services) {
    const { workspaceId } = call.caller
    const { api, environment, expects } = await requireAbove(services, workspaceId, { environmentId: body.environmentId, consumerId: body.consumerId ?? null })
    if (api.built_in === 1) throw keyFaults['built-in']('Credentials of the control plane are made with principals.create-credential.')
    const permissions = chosenPermissions(JSON.parse(api.catalogue) as Permission[], body.permissions)
    const hash = await services.peppers.load(workspaceId, environment.id, environment.pepper_version)
    const issuer = { atMs: call.atMs, random: call.random, principalId: call.caller.principalId }
    const decision = issueKey(issuer, { api, environment, permissions, hash, terms: body, consumerId: body.consumerId ?? null })
    return { ...decision, expects }
  },
})

/** What a caller may say of a key beyond where it belongs. */
export interface KeyTermsInput {
  readonly name: string
  readonly expiresAt?: string
  readonly ipRanges?: readonly string[]
  readonly origins?: readonly string[]
  readonly timeWindow?: { readonly days: readonly number[]; readonly from: string; readonly to: string } | null
}

/** Who issues a key, when, and with what randomness. */
export interface Issuer {
  readonly atMs: number
  readonly random: Random
  readonly principalId: string
}

/**
 * Decides a new key under an environment: for customers here, for principals in the room above. Pure.
 *
 * Invariant K1: the secret stands in the output and nowhere else; what is written is its HMAC under the pepper.
 */
export function issueKey(
  issuer: Issuer,
  wanted: {
    readonly api: ApiRow
    readonly environment: EnvironmentRow
    readonly permissions: readonly string[]
    /** The hash under the environment's newest pepper. */
    readonly hash: HmacSha256
    readonly terms: KeyTermsInput
    readonly consumerId?: string | null
    readonly principalId?: string | null
  },
): Decision<ReturnType<typeof presentKey> & { secret: string }> & { readonly expects: readonly Expectation[] } {
  const { api, environment, permissions, terms } = wanted
  const { atMs, random } = issuer
  if (environment.status === 'revoked' || api.status === 'revoked') {
    throw keyFaults['already-revoked']('This environment was revoked; it issues no more keys.')
  }
  const policy = JSON.parse(environment.policy) as Policy
  const restrictions = canonicalRestrictions(terms)
  const restricted = { ipRanges: restrictions.ipRanges, permissions: permissionsNamed(JSON.parse(api.catalogue) as Permission[], permissions) }
  const expiresAtMs = terms.expiresAt === undefined ? atMs + longestLifetimeMs(policy, restricted) : requireExpiry(terms.expiresAt, atMs)
  requirePolicy(policy, { createdAtMs: atMs, expiresAtMs, ...restricted })
  assert(!permissions.includes(roleGrants) || api.built_in === 1, 'K6: no customer holds what a role grants')

  const token = { prefix: api.prefix, tag: environment.tag, id: random.base62(16), secret: random.base62(43) }
  const secret = formatToken(token)
  assert(parseToken(secret) !== null, 'K1: what is issued parses')
  const key: KeyRow = checked({
    id: `key_${token.id}`,
    version: 1,
    workspace_id: environment.workspace_id,
    api_id: api.id,
    environment_id: environment.id,
    consumer_id: wanted.consumerId ?? null,
    principal_id: wanted.principalId ?? null,
    kind: 'bearer',
    name: terms.name,
    status: 'active',
    hash: wanted.hash.digest(secret),
    pepper_version: environment.pepper_version,
    permissions: canonicalJson(permissions),
    ip_ranges: canonicalJson(restrictions.ipRanges),
    origins: canonicalJson(restrictions.origins),
    time_window: restrictions.timeWindow,
    created_at_ms: atMs,
    created_by: issuer.principalId,
    expires_at_ms: expiresAtMs,
    revoked_at_ms: null,
    revocation_reason: null,
  })
  return {
    output: { ...presentKey(key, null, atMs, true), secret },
    target: key.id,
    subject: subjectOf(key),
    facts: keyFacts(key),
    details: keyDetails(key),
    writes: [{ kind: 'insert', table: keyTable, row: key }],
    expects: [
      { table: environmentTable, id: environment.id, version: environment.version },
      { table: apiTable, id: api.id, version: api.version },
    ],
  }
}

/** Reads when a key is to expire, in ms. @throws Fault keys/invalid-expiry when it is over already, or no such day */
export function requireExpiry(text: string, nowMs: number): number {
  const expiresAtMs = parseTimestamp(text)
  if (expiresAtMs === null) {
    throw keyFaults['invalid-expiry']('There is no such day or time.', { errors: [{ pointer: '/expiresAt', detail: 'Not a day of the calendar.' }] })
  }
  if (expiresAtMs <= nowMs) {
    const detail = `A key expires after now, which is ${toTimestamp(nowMs)}.`
    throw keyFaults['invalid-expiry'](detail, { errors: [{ pointer: '/expiresAt', detail }] })
  }
  return expiresAtMs
}

/** Restrictions in their stored form. @throws Fault keys/invalid-restriction naming each that is not valid */
export function canonicalRestrictions(terms: Pick<KeyTermsInput, 'ipRanges' | 'origins' | 'timeWindow'>) {
  const ranges = (terms.ipRanges ?? []).map((text) => canonicalCidr(text))
  const errors = ranges.flatMap((range, index) =>
    range === null ? [{ pointer: `/ipRanges/${index}`, detail: 'Not an IPv4 or IPv6 address or CIDR block (host bits must be zero).' }] : [],
  )
  const window = terms.timeWindow ?? null
  if (window !== null && !isTimeWindow(window)) {
    errors.push({ pointer: '/timeWindow', detail: 'Days are 1 (Monday) to 7, each once; times are HH:MM and differ.' })
  }
  if (errors.length > 0) throw keyFaults['invalid-restriction']('Correct the restrictions named.', { errors })
  return {
    ipRanges: [...new Set(ranges.filter((range) => range !== null))],
    origins: [...new Set(terms.origins ?? [])],
    timeWindow: window === null ? null : canonicalJson({ days: [...window.days], from: window.from, to: window.to }),
  }
}
