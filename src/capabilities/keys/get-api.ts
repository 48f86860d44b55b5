import { presentApi } from './api.ts'
import { apiOutput, apiParams } from './api-schema.ts'
import { requireAnyApi } from './find.ts'
import { operation } from './operation.ts'

export const getApi = operation.read({
  id: 'apis.get',
  summary: 'Show an API',
  description: 'Its catalogue of permissions, prefix and status.',
  http: 'GET /v1/apis/{apiId}',
  permission: 'apis:read',
  existence: 'apis:read',
  roles: ['owner', 'admin', 'operator', 'developer', 'auditor'],
  criticality: 'none',
  faults: ['keys/api-not-found'],
  input: { params: apiParams },
  output: apiOutput,
  async handle({ params }, call, services) {
    const { row, genuine } = await requireAnyApi(services, call.caller.workspaceId, params.apiId)
    return presentApi(row, genuine)
  },
})
