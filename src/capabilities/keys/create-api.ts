import { exactly, slugOf } from '#core/http/schema'
import { apiDetails, apiFacts, newApi, presentApi } from './api.ts'
import { apiName, apiOutput, catalogueInput, prefix } from './api-schema.ts'
import { keyFaults } from './faults.ts'
import { operation } from './operation.ts'
import { apiTable } from './tables.ts'

export const createApi = operation.write({
  id: 'apis.create',
  summary: 'Define an API',
  description: 'A service whose requests keys protect: what its keys may do, and the prefix that they all begin with.',
  http: 'POST /v1/apis',
  permission: 'apis:create',
  existence: 'apis:read',
  roles: ['owner', 'admin'],
  criticality: 'none',
  event: 'api.created',
  takesAway: false,
  status: 201,
  faults: ['keys/name-taken'],
  input: { body: exactly({ slug: slugOf('Names the API on the command line; unique in the workspace, never changes.'), name: apiName, prefix, permissions: catalogueInput }) },
  output: apiOutput,
  // The built-in API is a row like any other, so `claviger` and `clv` are taken in every workspace.
  unique: {
    apis_slug: () => keyFaults['name-taken']('Another API of this workspace has that slug.', { errors: [{ pointer: '/slug', detail: 'Is taken.' }] }),
    apis_prefix: () => keyFaults['name-taken']('Another API of this workspace has that prefix.', { errors: [{ pointer: '/prefix', detail: 'Is taken.' }] }),
  },
  async decide({ body }, call) {
    const api = newApi({ ...body, workspaceId: call.caller.workspaceId, atMs: call.atMs, random: call.random })
    return {
      output: presentApi(api, true),
      target: api.id,
      facts: apiFacts(api),
      details: apiDetails(api),
      writes: [{ kind: 'insert', table: apiTable, row: api }],
    }
  },
})
