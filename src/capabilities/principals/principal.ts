/** A principal: what it is, and each transition of its life as one pure function over its row. */
import { assert } from '#core/base/assert'
import { toTimestamp, toTimestampOrNull } from '#core/base/clock'
import { newId, type Random } from '#core/base/id'
import { roles, type Role } from '#core/http/operation'
import type { StoredRow } from '#core/storage/row-guard'
import { defineTable, type RowBase } from '#core/storage/table'
import { principalFaults } from './faults.ts'

export interface PrincipalRow extends RowBase {
  readonly workspace_id: string
  readonly kind: 'user' | 'service-account'
  /** Null once erased. */
  readonly name: string | null
  readonly role: Role
  readonly status: 'active' | 'disabled' | 'revoked'
  readonly created_at_ms: number
  readonly revoked_at_ms: number | null
  readonly erased_at_ms: number | null
}

export const principalTable = defineTable<PrincipalRow>('principals', {
  guarded: true,
  columns: {
    workspace_id: 'text', kind: 'text', name: 'text', role: 'text', status: 'text', created_at_ms: 'integer',
    revoked_at_ms: 'integer', erased_at_ms: 'integer',
  },
})

export interface PrincipalsDatabase {
  readonly principals: StoredRow<PrincipalRow>
}

/** Asserted before each write and after each read that decides. */
export function checked(principal: PrincipalRow): PrincipalRow {
  assert((principal.status === 'revoked') === (principal.revoked_at_ms !== null), 'P5: a principal is revoked if and only if it says when')
  assert(principal.erased_at_ms === null || (principal.name === null && principal.status === 'revoked'), 'P5: an erased principal has no name and acts no more')
  return principal
}

/** A new principal, active and without credentials. */
export function newPrincipal(of: {
  workspaceId: string; kind: PrincipalRow['kind']; name: string; role: Role; atMs: number; random: Random
}): PrincipalRow {
  return checked({
    id: newId('prn', of.random), version: 1, workspace_id: of.workspaceId, kind: of.kind, name: of.name, role: of.role,
    status: 'active', created_at_ms: of.atMs, revoked_at_ms: null, erased_at_ms: null,
  })
}

/** @throws Fault principals/not-active */
export function disable(principal: PrincipalRow): PrincipalRow {
  if (principal.status !== 'active') throw principalFaults['not-active'](`Only an active principal can be disabled; this one is ${principal.status}.`)
  return checked({ ...principal, version: principal.version + 1, status: 'disabled' })
}

/** @throws Fault principals/not-disabled */
export function enable(principal: PrincipalRow): PrincipalRow {
  if (principal.status !== 'disabled') throw principalFaults['not-disabled'](`Only a disabled principal can be enabled; this one is ${principal.status}.`)
  return checked({ ...principal, version: principal.version + 1, status: 'active' })
}

/** Final. @throws Fault principals/already-revoked */
export function revoke(principal: PrincipalRow, nowMs: number): PrincipalRow {
  if (principal.status === 'revoked') throw principalFaults['already-revoked']('This principal was revoked before.')
  return checked({ ...principal, version: principal.version + 1, status: 'revoked', revoked_at_ms: nowMs })
}

/**
 * Revokes a principal whose row is not to be believed, whatever it says. What has not the form of our own rows is replaced:
 * whoever altered it may have put anything there, and nothing of it may stop the revocation.
 */
export function revokeAltered(row: PrincipalRow, nowMs: number): PrincipalRow {
  const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= nowMs
  return checked({
    id: row.id,
    version: row.version + 1,
    workspace_id: row.workspace_id,
    kind: row.kind === 'user' ? 'user' : 'service-account',
    name: null,
    role: roles.includes(row.role) ? row.role : 'auditor',
    status: 'revoked',
    created_at_ms: isTime(row.created_at_ms) ? row.created_at_ms : 0,
    revoked_at_ms: nowMs,
    // It can be erased afterwards, whatever the row said of that.
    erased_at_ms: null,
  })
}

/** Revokes it, if it was not, and forgets who it was; what it did stays in the log under its id. @throws Fault principals/already-revoked */
export function erase(principal: PrincipalRow, nowMs: number): PrincipalRow {
  if (principal.erased_at_ms !== null) throw principalFaults['already-revoked']('This principal was erased before.')
  return checked({
    ...principal, version: principal.version + 1, name: null, status: 'revoked', revoked_at_ms: principal.revoked_at_ms ?? nowMs, erased_at_ms: nowMs,
  })
}

export const presentPrincipal = (principal: PrincipalRow) => ({
  principalId: principal.id,
  version: principal.version,
  kind: principal.kind,
  name: principal.name,
  role: principal.role,
  status: principal.status,
  createdAt: toTimestamp(principal.created_at_ms),
  revokedAt: toTimestampOrNull(principal.revoked_at_ms),
  erasedAt: toTimestampOrNull(principal.erased_at_ms),
})
