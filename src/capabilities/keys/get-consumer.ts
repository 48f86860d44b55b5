import { presentConsumer } from './consumer.ts'
import { consumerOutput, consumerParams } from './consumer-schema.ts'
import { requireAnyConsumer } from './find.ts'
import { operation } from './operation.ts'

export const getConsumer = operation.read({
  id: 'consumers.get',
  summary: 'Show a consumer',
  description: 'Its particulars and status. Its keys: `keys list --consumer-id`.',
  http: 'GET /v1/consumers/{consumerId}',
  permission: 'consumers:read',
  existence: 'consumers:read',
  roles: ['owner', 'admin', 'operator', 'developer', 'auditor'],
  criticality: 'none',
  faults: ['keys/consumer-not-found'],
  input: { params: consumerParams },
  output: consumerOutput,
  async handle({ params }, call, services) {
    const { row, genuine } = await requireAnyConsumer(services, call.caller.workspaceId, params.consumerId)
    return presentConsumer(row, genuine)
  },
})
