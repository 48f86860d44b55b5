import { requireAuthority } from './access.ts'
import { expectsOfLeaving, requirePrincipal } from './find.ts'
import { operation } from './operation.ts'
import { disable, presentPrincipal, principalTable } from './principal.ts'
import { principalOutput, principalParams } from './principal-schema.ts'

export const disablePrincipal = operation.write({
  id: 'principals.disable',
  summary: 'Disable a principal',
  description: 'All its credentials are refused from its next request on, until it is enabled again.',
  http: 'POST /v1/principals/{principalId}/disable',
  permission: 'principals:disable',
  existence: 'principals:read',
  roles: ['owner', 'admin'],
  criticality: 'none',
  event: 'principal.disabled',
  takesAway: true,
  status: 200,
  faults: ['principals/not-found', 'principals/lacks-authority', 'principals/not-active', 'principals/last-owner', 'storage/tampered'],
  input: { params: principalParams },
  output: principalOutput,
  async decide({ params }, call, services) {
    const before = await requirePrincipal(services, call.caller.workspaceId, params.principalId)
    requireAuthority(call.caller, services.access.permissionsOf(before.role))
    const after = disable(before)
    return {
      output: presentPrincipal(after),
      target: after.id,
      facts: { role: after.role, status: after.status },
      writes: [{ kind: 'update', table: principalTable, row: after }],
      expects: await expectsOfLeaving(services, before, call.atMs),
    }
  },
})
