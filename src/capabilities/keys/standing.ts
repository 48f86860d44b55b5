/** What keys stand under: consumers, environments, APIs. One transition ends each of them, and all keys below with it. */
import { assert } from '#core/base/assert'
import { keyFaults } from './faults.ts'
import type { RevocationReason, Standing } from './tables.ts'

interface StandingRow {
  readonly version: number
  readonly status: Standing
  readonly revoked_at_ms: number | null
  readonly revocation_reason: RevocationReason | null
}

/** Invariant K3, for all that keys stand under. Asserted before each write and after each read that decides. */
export function checkedStanding<Row extends StandingRow>(row: Row): Row {
  assert((row.status === 'revoked') === (row.revoked_at_ms !== null), 'K3: what keys stand under is revoked if and only if it says when')
  return row
}

/** Final: every key under it is refused with it (K7). @throws Fault keys/already-revoked */
export function revokeStanding<Row extends StandingRow>(row: Row, reason: RevocationReason, nowMs: number): Row {
  if (row.status === 'revoked') throw keyFaults['already-revoked']('This was revoked before.')
  return revokeAnyway(row, reason, nowMs)
}

/** The same for a row that is not to be believed, not even when it says that it is revoked. */
export const revokeAnyway = <Row extends StandingRow>(row: Row, reason: RevocationReason, nowMs: number): Row =>
  checkedStanding({ ...row, version: row.version + 1, status: 'revoked', revoked_at_ms: nowMs, revocation_reason: reason })
