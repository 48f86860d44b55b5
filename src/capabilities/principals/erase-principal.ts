import { requireAuthority } from './access.ts'
import { expectsOfLeaving, requirePrincipal } from './find.ts'
import { operation } from './operation.ts'
import { erase, presentPrincipal, principalTable } from './principal.ts'
import { principalOutput, principalParams } from './principal-schema.ts'

export const erasePrincipal = operation.write({
  id: 'principals.erase',
  summary: 'Erase a principal',
  description: 'Revokes it, forgets its name, and destroys the key under which its personal details beside the audit log are sealed. What it did stays in the log under its id, and the log still verifies.',
  http: 'POST /v1/principals/{principalId}/erase',
  permission: 'principals:erase',
  existence: 'principals:read',
  roles: ['owner', 'admin'],
  criticality: 'none',
  event: 'principal.erased',
  takesAway: true,
  status: 200,
  faults: ['principals/not-found', 'principals/lacks-authority', 'principals/last-owner', 'storage/tampered'],
  input: { params: principalParams },
  output: principalOutput,
  async decide({ params }, call, services) {
    const before = await requirePrincipal(services, call.caller.workspaceId, params.principalId)
    requireAuthority(call.caller, services.access.permissionsOf(before.role))
    const after = erase(before, call.atMs)
    return {
      output: presentPrincipal(after),
      target: after.id,
      facts: { role: after.role, status: after.status },
      writes: [{ kind: 'update', table: principalTable, row: after }],
      expects: await expectsOfLeaving(services, before),
      erases: [before.id],
    }
  },
})
