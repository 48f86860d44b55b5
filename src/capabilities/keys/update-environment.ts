import { Type } from 'typebox'
import { requireVersion } from '#core/http/perform'
import { exactly } from '#core/http/schema'
import { changeEnvironment, environmentFacts, presentEnvironment } from './environment.ts'
import { environmentOutput, environmentParams, policyInput, recording } from './environment-schema.ts'
import { keyFaults } from './faults.ts'
import { requireApi, requireEnvironment } from './find.ts'
import { operation } from './operation.ts'
import { environmentTable } from './tables.ts'

export const updateEnvironment = operation.write({
  id: 'environments.update',
  summary: 'Change an environment\'s policy or recording',
  description: 'Keys that exist are not touched: a stricter policy counts when they are next changed or enabled, and for every new one.',
  http: 'PATCH /v1/environments/{environmentId}',
  permission: 'environments:update',
  existence: 'environments:read',
  roles: ['owner', 'admin'],
  criticality: 'none',
  event: 'environment.updated',
  takesAway: false,
  status: 200,
  faults: ['keys/environment-not-found', 'keys/api-not-found', 'keys/already-revoked', 'keys/built-in', 'http/precondition-failed', 'storage/tampered'],
  input: { params: environmentParams, body: exactly({ policy: Type.Optional(policyInput), recording: Type.Optional(recording) }, { minProperties: 1 }) },
  output: environmentOutput,
  async decide({ params, body }, call, services) {
    const { workspaceId } = call.caller
    const before = await requireEnvironment(services, workspaceId, params.environmentId)
    requireVersion(call, before)
    const api = await requireApi(services, workspaceId, before.api_id)
    if (api.built_in === 1) throw keyFaults['built-in']('The environment of the built-in API cannot be changed.')
    const after = changeEnvironment(before, body)
    return {
      output: presentEnvironment(after, true),
      target: after.id,
      facts: environmentFacts(after),
      writes: [{ kind: 'update', table: environmentTable, row: after }],
    }
  },
})
