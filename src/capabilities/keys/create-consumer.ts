import { Type } from 'typebox'
import { exactly } from '#core/http/schema'
import { subjectKey } from '#core/keyring/keyring'
import { consumerDetails, consumerFacts, newConsumer, presentConsumer } from './consumer.ts'
import { consumerName, consumerOutput, reference } from './consumer-schema.ts'
import { keyFaults } from './faults.ts'
import { operation } from './operation.ts'
import { consumerTable } from './tables.ts'

export const referenceTaken = () =>
  keyFaults['name-taken']('Another consumer of this workspace has that reference.', { errors: [{ pointer: '/reference', detail: 'Is taken.' }] })

export const createConsumer = operation.write({
  id: 'consumers.create',
  summary: 'Add a consumer',
  description: 'A customer that holds keys. Its name and reference are kept apart from the audit log, so that it can be erased.',
  http: 'POST /v1/consumers',
  permission: 'consumers:create',
  existence: 'consumers:read',
  roles: ['owner', 'admin', 'operator', 'developer'],
  criticality: 'none',
  event: 'consumer.created',
  takesAway: false,
  status: 201,
  faults: ['keys/name-taken'],
  input: { body: exactly({ reference: Type.Optional(reference), name: Type.Optional(consumerName) }) },
  output: consumerOutput,
  unique: { consumers_reference: referenceTaken },
  async decide({ body }, call, services) {
    const { workspaceId } = call.caller
    const consumer = newConsumer({ ...body, workspaceId, atMs: call.atMs, random: call.random })
    const draft = services.keyring.draft()
    await draft.create(subjectKey(workspaceId, consumer.id))
    return {
      output: presentConsumer(consumer, true),
      target: consumer.id,
      facts: consumerFacts(consumer),
      details: consumerDetails(consumer),
      writes: [...draft.writes, { kind: 'insert', table: consumerTable, row: consumer }],
    }
  },
})
