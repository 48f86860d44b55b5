/** A key: what it is, and each transition of its life as one pure function over its row. */
import { assert } from '#core/base/assert'
import { toTimestamp, toTimestampOrNull } from '#core/base/clock'
import type { JsonObject } from '#core/base/json'
import type { Detail } from '#core/http/operation'
import { keyFaults } from './faults.ts'
import { legibleKey } from './legible.ts'
import type { KeyRow, KeyUsageRow, RevocationReason } from './tables.ts'

/** `expired` is derived from the clock; it is never stored. */
export type ShownStatus = KeyRow['status'] | 'expired'

export const statusAt = (key: Pick<KeyRow, 'status' | 'expires_at_ms'>, nowMs: number): ShownStatus =>
  key.status !== 'revoked' && nowMs >= key.expires_at_ms ? 'expired' : key.status

/** Invariant K3: revocation is final; `revoked_at_ms` is written once. @throws Fault keys/already-revoked */
export function revoke(key: KeyRow, reason: RevocationReason, nowMs: number): KeyRow {
  if (key.status === 'revoked') throw keyFaults['already-revoked']('This key was revoked before.')
  return checked({ ...key, version: key.version + 1, status: 'revoked', revoked_at_ms: nowMs, revocation_reason: reason })
}

/** Revokes a key whose row is not to be believed: whatever it says, even that it is revoked. */
export const revokeAltered = (key: KeyRow, reason: RevocationReason, nowMs: number): KeyRow =>
  revoke({ ...legibleKey(key), status: 'active', revoked_at_ms: null }, reason, nowMs)

/** Invariant K13: of a key whose holder is erased: revoked, if it was not, and nothing left in it that may tell who that was. */
export function eraseKey(key: KeyRow, nowMs: number): KeyRow {
  const revoked = key.status === 'revoked' ? { ...key, version: key.version + 1 } : revoke(key, 'cessation-of-operation', nowMs)
  return checked({ ...revoked, name: '', ip_ranges: '[]', origins: '[]', time_window: null })
}

/** RFC 5280's certificateHold: refused from now on, and can be enabled again. @throws Fault keys/not-active */
export function disable(key: KeyRow): KeyRow {
  if (key.status !== 'active') throw keyFaults['not-active'](`Only an active key can be disabled; this one is ${key.status}.`)
  return checked({ ...key, version: key.version + 1, status: 'disabled' })
}

/** @throws Fault keys/not-disabled */
export function enable(key: KeyRow, nowMs: number): KeyRow {
  const status = statusAt(key, nowMs)
  if (status !== 'disabled') throw keyFaults['not-disabled'](`Only a disabled key can be enabled; this one is ${status}.`)
  return checked({ ...key, version: key.version + 1, status: 'active' })
}

/** What of a key can change. Where it belongs, who holds it, its secret and its beginning cannot. */
export type KeyChange = Pick<KeyRow, 'name' | 'permissions' | 'ip_ranges' | 'origins' | 'time_window' | 'expires_at_ms'>

/** @throws Fault keys/already-revoked, keys/not-active when it has expired: what is over is not brought back */
export function change(key: KeyRow, changed: KeyChange, nowMs: number): KeyRow {
  const status = statusAt(key, nowMs)
  if (status === 'revoked') throw keyFaults['already-revoked']('A revoked key is not changed any more.')
  if (status === 'expired') throw keyFaults['not-active']('An expired key is not changed any more. Issue a new one.')
  return checked({ ...key, ...changed, version: key.version + 1 })
}

/** Asserted before each write and after each read that decides. */
export function checked(key: KeyRow): KeyRow {
  assert((key.status === 'revoked') === (key.revoked_at_ms !== null), 'K3: a key is revoked if and only if it says when')
  assert(key.expires_at_ms > key.created_at_ms, 'K4: every key expires, after it was created')
  assert((key.principal_id === null) || (key.consumer_id === null), 'K2: a key has one holder at most')
  assert(key.hash.length === 32, 'K1: a key is stored as a 32-byte HMAC of its token')
  return key
}

/** A key as callers see it. There is no secret in it, and no way to one. */
export function presentKey(row: KeyRow, usage: Omit<KeyUsageRow, 'id' | 'version'> | null, nowMs: number, genuine: boolean) {
  const key = genuine ? row : legibleKey(row)
  return {
    keyId: key.id,
    version: key.version,
    apiId: key.api_id,
    environmentId: key.environment_id,
    consumerId: key.consumer_id,
    principalId: key.principal_id,
    kind: key.kind,
    name: key.name,
    status: statusAt(key, nowMs),
    permissions: JSON.parse(key.permissions) as string[],
    ipRanges: JSON.parse(key.ip_ranges) as string[],
    origins: JSON.parse(key.origins) as string[],
    timeWindow: key.time_window === null ? null : (JSON.parse(key.time_window) as { days: number[]; from: string; to: string }),
    createdAt: toTimestamp(key.created_at_ms),
    createdBy: key.created_by,
    expiresAt: toTimestamp(key.expires_at_ms),
    revokedAt: toTimestampOrNull(key.revoked_at_ms),
    revocationReason: key.revocation_reason,
    lastUsedAt: usage === null || usage.last_used_at_ms === 0 ? null : toTimestamp(usage.last_used_at_ms),
    uses: { valid: usage?.valid_count ?? 0, denied: usage?.denied_count ?? 0 },
    genuine,
  }
}

/** What an entry says of a key for ever: what decides access, as far as it is not personal. Addresses can be. */
export const keyFacts = (key: KeyRow): JsonObject => ({
  api: key.api_id,
  environment: key.environment_id,
  consumer: key.consumer_id,
  principal: key.principal_id,
  status: key.status,
  permissions: JSON.parse(key.permissions) as string[],
  expiresAt: toTimestamp(key.expires_at_ms),
  restrictions: {
    ipRanges: (JSON.parse(key.ip_ranges) as string[]).length,
    origins: (JSON.parse(key.origins) as string[]).length,
    timeWindow: key.time_window !== null,
  },
})

/** The column that names a key's holder, and the holder's id. */
export type Holder = readonly ['consumer_id' | 'principal_id', string]

/** What an entry with the facts of a key says of its holder, and no other entry does: actors are principals too. */
export const holderInFacts = ([column, id]: Holder): string => (column === 'consumer_id' ? `"consumer":"${id}"` : `"principal":"${id}","restrictions":`)

/** Whom a key is about: its holder, or its environment when nobody holds it. What it says of them is erased with them. */
export const subjectOf = (key: Pick<KeyRow, 'consumer_id' | 'principal_id' | 'environment_id'>): string =>
  key.consumer_id ?? key.principal_id ?? key.environment_id

/** Free text and addresses, sealed for whoever the key is about: its holder, or its environment when nobody holds it. */
export const keyDetails = (key: KeyRow): readonly Detail[] => [
  {
    subject: subjectOf(key),
    data: {
      name: key.name,
      ipRanges: JSON.parse(key.ip_ranges) as string[],
      origins: JSON.parse(key.origins) as string[],
      timeWindow: key.time_window === null ? null : (JSON.parse(key.time_window) as JsonObject),
    },
  },
]
