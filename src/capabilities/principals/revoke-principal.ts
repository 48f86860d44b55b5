import { requireAuthority } from './access.ts'
import { expectsOfLeaving, requireAnotherOwner, requireAnyPrincipal } from './find.ts'
import { operation } from './operation.ts'
import { presentPrincipal, principalTable, revoke, revokeAltered } from './principal.ts'
import { principalOutput, principalParams } from './principal-schema.ts'

export const revokePrincipal = operation.write({
  id: 'principals.revoke',
  summary: 'Revoke a principal',
  description: 'Final: all its credentials are refused with it, in one row.',
  http: 'POST /v1/principals/{principalId}/revoke',
  permission: 'principals:revoke',
  existence: 'principals:read',
  roles: ['owner', 'admin'],
  criticality: 'none',
  event: 'principal.revoked',
  takesAway: true,
  status: 200,
  faults: ['principals/not-found', 'principals/lacks-authority', 'principals/already-revoked', 'principals/last-owner'],
  input: { params: principalParams },
  output: principalOutput,
  async decide({ params }, call, services) {
    const { row, genuine } = await requireAnyPrincipal(services, call.caller.workspaceId, params.principalId)
    // What an altered row could do is not known: only whoever may do everything takes it away, and it may have been the last owner.
    requireAuthority(call.caller, genuine ? services.access.permissionsOf(row.role) : services.access.permissions)
    const after = genuine ? revoke(row, call.atMs) : revokeAltered(row, call.atMs)
    return {
      output: presentPrincipal(after),
      target: after.id,
      facts: { role: after.role, status: after.status, ...(genuine ? {} : { tampered: true }) },
      writes: [{ kind: 'update', table: principalTable, row: after }],
      expects: genuine ? await expectsOfLeaving(services, row, call.atMs) : await requireAnotherOwner(services, row, call.atMs),
    }
  },
})
