import { Type } from 'typebox'
import { requireVersion } from '#core/http/perform'
import { exactly, nullable } from '#core/http/schema'
import { changeConsumer, consumerDetails, consumerFacts, presentConsumer } from './consumer.ts'
import { consumerName, consumerOutput, consumerParams, reference } from './consumer-schema.ts'
import { referenceTaken } from './create-consumer.ts'
import { requireConsumer } from './find.ts'
import { operation } from './operation.ts'
import { consumerTable } from './tables.ts'

export const updateConsumer = operation.write({
  id: 'consumers.update',
  summary: 'Change a consumer\'s name or reference',
  description: 'What is left out stays; null takes it away.',
  http: 'PATCH /v1/consumers/{consumerId}',
  permission: 'consumers:update',
  existence: 'consumers:read',
  roles: ['owner', 'admin', 'operator', 'developer'],
  criticality: 'none',
  event: 'consumer.updated',
  takesAway: false,
  status: 200,
  faults: ['keys/consumer-not-found', 'keys/already-revoked', 'keys/name-taken', 'http/precondition-failed', 'storage/tampered'],
  input: {
    params: consumerParams,
    body: exactly({ reference: Type.Optional(nullable(reference)), name: Type.Optional(nullable(consumerName)) }, { minProperties: 1 }),
  },
  output: consumerOutput,
  unique: { consumers_reference: referenceTaken },
  async decide({ params, body }, call, services) {
    const before = await requireConsumer(services, call.caller.workspaceId, params.consumerId)
    requireVersion(call, before)
    const after = changeConsumer(before, body)
    return {
      output: presentConsumer(after, true),
      target: after.id,
      facts: consumerFacts(after),
      details: consumerDetails(after),
      writes: [{ kind: 'update', table: consumerTable, row: after }],
    }
  },
})
