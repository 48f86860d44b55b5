import { requireAuthority } from './access.ts'
import { requireCredentialsWithin, requirePrincipal } from './find.ts'
import { operation } from './operation.ts'
import { enable, presentPrincipal, principalTable } from './principal.ts'
import { principalOutput, principalParams } from './principal-schema.ts'

export const enablePrincipal = operation.write({
  id: 'principals.enable',
  summary: 'Enable a principal',
  description: 'Its credentials count again.',
  http: 'POST /v1/principals/{principalId}/enable',
  permission: 'principals:enable',
  existence: 'principals:read',
  roles: ['owner', 'admin'],
  criticality: 'none',
  event: 'principal.enabled',
  takesAway: false,
  status: 200,
  faults: ['principals/not-found', 'principals/lacks-authority', 'principals/not-disabled', 'storage/tampered'],
  input: { params: principalParams },
  output: principalOutput,
  async decide({ params }, call, services) {
    const before = await requirePrincipal(services, call.caller.workspaceId, params.principalId)
    requireAuthority(call.caller, services.access.permissionsOf(before.role))
    const after = enable(before)
    // While it is disabled it gets no credential: its version would have moved.
    await requireCredentialsWithin(services, call, before.id)
    return {
      output: presentPrincipal(after),
      target: after.id,
      facts: { role: after.role, status: after.status },
      writes: [{ kind: 'update', table: principalTable, row: after }],
    }
  },
})
