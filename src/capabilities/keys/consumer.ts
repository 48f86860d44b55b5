/** A consumer: the customer that holds keys. Its name and reference are personal. Transitions are pure. */
import { assert } from '#core/base/assert'
import { toTimestamp, toTimestampOrNull } from '#core/base/clock'
import { newId, type Random } from '#core/base/id'
import type { JsonObject } from '#core/base/json'
import type { Detail } from '#core/http/operation'
import { keyFaults } from './faults.ts'
import { legibleConsumer } from './legible.ts'
import { checkedStanding, revokeStanding } from './standing.ts'
import type { ConsumerRow } from './tables.ts'

export interface ConsumerChange {
  readonly reference?: string | null
  readonly name?: string | null
}

/** Asserted before each write. */
function checked(consumer: ConsumerRow): ConsumerRow {
  assert(
    consumer.erased_at_ms === null || (consumer.name === null && consumer.reference === null && consumer.status === 'revoked'),
    'K3: an erased consumer is revoked, and nothing is left that says who it was',
  )
  return checkedStanding(consumer)
}

export function newConsumer(of: ConsumerChange & { workspaceId: string; atMs: number; random: Random }): ConsumerRow {
  return checked({
    id: newId('con', of.random), version: 1, workspace_id: of.workspaceId, reference: of.reference ?? null, name: of.name ?? null,
    status: 'active', created_at_ms: of.atMs, erased_at_ms: null, revoked_at_ms: null, revocation_reason: null,
  })
}

/** @throws Fault keys/already-revoked */
export function changeConsumer(consumer: ConsumerRow, { reference, name }: ConsumerChange): ConsumerRow {
  if (consumer.status === 'revoked') throw keyFaults['already-revoked']('A revoked consumer is not changed any more.')
  return checked({
    ...consumer,
    version: consumer.version + 1,
    reference: reference === undefined ? consumer.reference : reference,
    name: name === undefined ? consumer.name : name,
  })
}

/** Revokes it, if it was not, and forgets who it was. @throws Fault keys/already-revoked when it was erased before */
export function eraseConsumer(consumer: ConsumerRow, nowMs: number): ConsumerRow {
  if (consumer.erased_at_ms !== null) throw keyFaults['already-revoked']('This consumer was erased before.')
  const revoked = consumer.status === 'revoked' ? { ...consumer, version: consumer.version + 1 } : revokeStanding(consumer, 'cessation-of-operation', nowMs)
  return checked({ ...revoked, reference: null, name: null, erased_at_ms: nowMs })
}

export function presentConsumer(row: ConsumerRow, genuine: boolean) {
  const consumer = genuine ? row : legibleConsumer(row)
  return {
    consumerId: consumer.id,
    version: consumer.version,
    reference: consumer.reference,
    name: consumer.name,
    status: consumer.status,
    createdAt: toTimestamp(consumer.created_at_ms),
    revokedAt: toTimestampOrNull(consumer.revoked_at_ms),
    revocationReason: consumer.revocation_reason,
    erasedAt: toTimestampOrNull(consumer.erased_at_ms),
    genuine,
  }
}

/** Nothing in it tells who the consumer is, only which of its particulars were given. */
export const consumerFacts = (consumer: ConsumerRow): JsonObject => ({
  status: consumer.status,
  named: consumer.name !== null,
  referenced: consumer.reference !== null,
})

export const consumerDetails = (consumer: ConsumerRow): readonly Detail[] => [
  { subject: consumer.id, data: { name: consumer.name, reference: consumer.reference } },
]
