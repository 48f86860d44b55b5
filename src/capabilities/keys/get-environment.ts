import { presentEnvironment } from './environment.ts'
import { environmentOutput, environmentParams } from './environment-schema.ts'
import { requireAnyEnvironment } from './find.ts'
import { operation } from './operation.ts'

export const getEnvironment = operation.read({
  id: 'environments.get',
  summary: 'Show an environment',
  description: 'Its tag, policy and status.',
  http: 'GET /v1/environments/{environmentId}',
  permission: 'environments:read',
  existence: 'environments:read',
  roles: ['owner', 'admin', 'operator', 'developer', 'auditor'],
  criticality: 'none',
  faults: ['keys/environment-not-found'],
  input: { params: environmentParams },
  output: environmentOutput,
  async handle({ params }, call, services) {
    const { row, genuine } = await requireAnyEnvironment(services, call.caller.workspaceId, params.environmentId)
    return presentEnvironment(row, genuine)
  },
})
