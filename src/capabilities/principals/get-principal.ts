import { requirePrincipal } from './find.ts'
import { operation } from './operation.ts'
import { presentPrincipal } from './principal.ts'
import { principalOutput, principalParams } from './principal-schema.ts'

export const getPrincipal = operation.read({
  id: 'principals.get',
  summary: 'Show a principal',
  description: 'Its role and status. Its credentials are keys: list them with `keys list --principal-id`.',
  http: 'GET /v1/principals/{principalId}',
  permission: 'principals:read',
  existence: 'principals:read',
  roles: ['owner', 'admin', 'operator', 'auditor'],
  criticality: 'none',
  faults: ['principals/not-found', 'storage/tampered'],
  input: { params: principalParams },
  output: principalOutput,
  async handle({ params }, call, services) {
    return presentPrincipal(await requirePrincipal(services, call.caller.workspaceId, params.principalId))
  },
})
