import { eraseConsumer, presentConsumer } from './consumer.ts'
import { consumerOutput, consumerParams } from './consumer-schema.ts'
import { keyErasures, keysErasedMax } from './erase-keys.ts'
import { requireAnyConsumer } from './find.ts'
import { legibleConsumer } from './legible.ts'
import { operation } from './operation.ts'
import { consumerTable } from './tables.ts'

export const eraseConsumerOperation = operation.write({
  id: 'consumers.erase',
  summary: 'Erase a consumer',
  description:
    `Revokes it and its keys, forgets its name and reference and its keys' names and restrictions, and destroys the key under which its details and uses beside the audit log are sealed. What happened stays in the log under its id, and the log still verifies. One call empties ${keysErasedMax} keys: of a consumer with more, call again until it answers \`keys/already-revoked\`.`,
  http: 'POST /v1/consumers/{consumerId}/erase',
  permission: 'consumers:erase',
  existence: 'consumers:read',
  roles: ['owner', 'admin'],
  criticality: 'none',
  event: 'consumer.erased',
  takesAway: true,
  status: 200,
  faults: ['keys/consumer-not-found', 'keys/already-revoked'],
  input: { params: consumerParams },
  output: consumerOutput,
  async decide({ params }, call, services) {
    const { row, genuine } = await requireAnyConsumer(services, call.caller.workspaceId, params.consumerId)
    const { writes: keys, silences, tampered } = await keyErasures(services, call.caller.workspaceId, ['consumer_id', row.id], call.atMs)
    const isRest = genuine && row.erased_at_ms !== null && keys.length > 0
    const erased = isRest ? { ...row, version: row.version + 1 } : eraseConsumer(genuine ? row : { ...legibleConsumer(row), status: 'active', revoked_at_ms: null, erased_at_ms: null }, call.atMs)
    return {
      output: presentConsumer(erased, true),
      target: erased.id,
      facts: { status: erased.status, keys: keys.length, ...(genuine && !tampered ? {} : { tampered: true }) },
      writes: [{ kind: 'update', table: consumerTable, row: erased }, ...keys],
      silences,
      erases: [erased.id],
    }
  },
})
