import { exactly } from '#core/http/schema'
import { presentApi } from './api.ts'
import { apiOutput, apiParams } from './api-schema.ts'
import { keyFaults } from './faults.ts'
import { requireAnyApi } from './find.ts'
import { reason } from './key-schema.ts'
import { legibleApi } from './legible.ts'
import { operation } from './operation.ts'
import { revokeAnyway, revokeStanding } from './standing.ts'
import { apiTable } from './tables.ts'

export const revokeApi = operation.write({
  id: 'apis.revoke',
  summary: 'Revoke an API',
  description: 'Final: every key of every environment of it is refused from the next verification on, in one row.',
  http: 'POST /v1/apis/{apiId}/revoke',
  permission: 'apis:revoke',
  existence: 'apis:read',
  roles: ['owner', 'admin'],
  criticality: 'none',
  event: 'api.revoked',
  takesAway: true,
  status: 200,
  faults: ['keys/api-not-found', 'keys/already-revoked', 'keys/built-in'],
  input: { params: apiParams, body: exactly({ reason }) },
  output: apiOutput,
  async decide({ params, body }, call, services) {
    const { row, genuine } = await requireAnyApi(services, call.caller.workspaceId, params.apiId)
    if (row.built_in === 1) throw keyFaults['built-in']('Without the built-in API nobody could act any more. Revoke principals, or the workspace.')
    const revoked = genuine ? revokeStanding(row, body.reason, call.atMs) : revokeAnyway(legibleApi(row), body.reason, call.atMs)
    return {
      output: presentApi(revoked, true),
      target: revoked.id,
      facts: { status: revoked.status, reason: body.reason, ...(genuine ? {} : { tampered: true }) },
      writes: [{ kind: 'update', table: apiTable, row: revoked }],
    }
  },
})
