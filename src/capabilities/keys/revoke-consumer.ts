import { exactly } from '#core/http/schema'
import { presentConsumer } from './consumer.ts'
import { consumerOutput, consumerParams } from './consumer-schema.ts'
import { requireAnyConsumer } from './find.ts'
import { reason } from './key-schema.ts'
import { legibleConsumer } from './legible.ts'
import { operation } from './operation.ts'
import { revokeAnyway, revokeStanding } from './standing.ts'
import { consumerTable } from './tables.ts'

export const revokeConsumer = operation.write({
  id: 'consumers.revoke',
  summary: 'Revoke a consumer',
  description: 'Final: every key it holds is refused from the next verification on, in one row.',
  http: 'POST /v1/consumers/{consumerId}/revoke',
  permission: 'consumers:revoke',
  existence: 'consumers:read',
  roles: ['owner', 'admin', 'operator'],
  criticality: 'none',
  event: 'consumer.revoked',
  takesAway: true,
  status: 200,
  faults: ['keys/consumer-not-found', 'keys/already-revoked'],
  input: { params: consumerParams, body: exactly({ reason }) },
  output: consumerOutput,
  async decide({ params, body }, call, services) {
    const { row, genuine } = await requireAnyConsumer(services, call.caller.workspaceId, params.consumerId)
    const revoked = genuine ? revokeStanding(row, body.reason, call.atMs) : revokeAnyway(legibleConsumer(row), body.reason, call.atMs)
    return {
      output: presentConsumer(revoked, true),
      target: revoked.id,
      facts: { status: revoked.status, reason: body.reason, ...(genuine ? {} : { tampered: true }) },
      writes: [{ kind: 'update', table: consumerTable, row: revoked }],
    }
  },
})
