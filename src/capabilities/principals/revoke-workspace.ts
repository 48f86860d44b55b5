import { exactly } from '#core/http/schema'
import { revocationReason, workspaceTable } from '#cap/keys'
import { requireFirstWorkspace } from './create-workspace.ts'
import { principalFaults } from './faults.ts'
import { requireWorkspace } from './find.ts'
import { operation } from './operation.ts'
import { presentWorkspace, workspaceOutput, workspaceParams } from './workspace-schema.ts'

export const revokeWorkspace = operation.write({
  id: 'workspaces.revoke',
  summary: 'Revoke a workspace',
  description: 'Final: every key and every credential under it is refused, in one row. Only owners of the first workspace can do this, and not to the first workspace.',
  http: 'POST /v1/workspaces/{workspaceId}/revoke',
  permission: 'workspaces:revoke',
  existence: 'workspaces:read',
  roles: ['owner'],
  criticality: 'none',
  event: 'workspace.revoked',
  takesAway: true,
  status: 200,
  faults: ['principals/not-first-workspace', 'principals/workspace-not-found', 'principals/already-revoked', 'principals/last-owner', 'storage/tampered'],
  input: { params: workspaceParams, body: exactly({ reason: revocationReason }) },
  output: workspaceOutput,
  async decide({ params, body }, call, services) {
    await requireFirstWorkspace(services, call.caller)
    const before = await requireWorkspace(services, params.workspaceId)
    if (before.is_root === 1) throw principalFaults['last-owner']('The first workspace cannot be revoked: nobody could manage the others.')
    if (before.status === 'revoked') throw principalFaults['already-revoked']('This workspace was revoked before.')
    const after = { ...before, version: before.version + 1, status: 'revoked' as const, revoked_at_ms: call.atMs, revocation_reason: body.reason }
    return {
      output: presentWorkspace(after),
      workspaceId: before.id as typeof call.caller.workspaceId,
      target: before.id,
      facts: { status: after.status, reason: body.reason },
      writes: [{ kind: 'update', table: workspaceTable, row: after }],
    }
  },
})
