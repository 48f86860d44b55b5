import { exactly } from '#core/http/schema'
import { presentEnvironment } from './environment.ts'
import { environmentOutput, environmentParams } from './environment-schema.ts'
import { keyFaults } from './faults.ts'
import { requireAnyEnvironment } from './find.ts'
import { reason } from './key-schema.ts'
import { legibleEnvironment } from './legible.ts'
import { operation } from './operation.ts'
import { revokeAnyway, revokeStanding } from './standing.ts'
import { environmentTable, type KeysDatabase } from './tables.ts'

export const revokeEnvironment = operation.write({
  id: 'environments.revoke',
  summary: 'Revoke an environment',
  description: 'Final: every key of it is refused from the next verification on, in one row.',
  http: 'POST /v1/environments/{environmentId}/revoke',
  permission: 'environments:revoke',
  existence: 'environments:read',
  roles: ['owner', 'admin'],
  criticality: 'none',
  event: 'environment.revoked',
  takesAway: true,
  status: 200,
  faults: ['keys/environment-not-found', 'keys/already-revoked', 'keys/built-in'],
  input: { params: environmentParams, body: exactly({ reason }) },
  output: environmentOutput,
  async decide({ params, body }, call, services) {
    const { row, genuine } = await requireAnyEnvironment(services, call.caller.workspaceId, params.environmentId)
    // Asked of the row as it stands: an API that was altered must not keep its environments from being revoked.
    const api = await services.storage.reader<KeysDatabase>().selectFrom('apis').select('built_in').where('id', '=', row.api_id).executeTakeFirst()
    if (api?.built_in === 1) throw keyFaults['built-in']('Without it nobody could act any more. Revoke principals, or the workspace.')
    const revoked = genuine ? revokeStanding(row, body.reason, call.atMs) : revokeAnyway(legibleEnvironment(row), body.reason, call.atMs)
    return {
      output: presentEnvironment(revoked, true),
      target: revoked.id,
      facts: { status: revoked.status, reason: body.reason, ...(genuine ? {} : { tampered: true }) },
      writes: [{ kind: 'update', table: environmentTable, row: revoked }],
    }
  },
})
