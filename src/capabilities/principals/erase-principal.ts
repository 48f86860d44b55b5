import { keyErasures, keysErasedMax } from '#cap/keys'
import { requireAuthority } from './access.ts'
import { expectsOfLeaving, requirePrincipal } from './find.ts'
import { operation } from './operation.ts'
import { erase, presentPrincipal, principalTable } from './principal.ts'
import { principalOutput, principalParams } from './principal-schema.ts'

export const erasePrincipal = operation.write({
  id: 'principals.erase',
  summary: 'Erase a principal',
  description:
    `Revokes it and its credentials, forgets its name and their names and restrictions, and destroys the key under which its personal details and uses beside the audit log are sealed. What it did stays in the log under its id, and the log still verifies. One call empties ${keysErasedMax} credentials: of a principal with more, call again until it answers \`principals/already-revoked\`.`,
  http: 'POST /v1/principals/{principalId}/erase',
  permission: 'principals:erase',
  existence: 'principals:read',
  roles: ['owner', 'admin'],
  criticality: 'none',
  event: 'principal.erased',
  takesAway: true,
  status: 200,
  faults: ['principals/not-found', 'principals/lacks-authority', 'principals/already-revoked', 'principals/last-owner', 'storage/tampered'],
  input: { params: principalParams },
  output: principalOutput,
  async decide({ params }, call, services) {
    const before = await requirePrincipal(services, call.caller.workspaceId, params.principalId)
    requireAuthority(call.caller, services.access.permissionsOf(before.role))
    const { writes: credentials, silences, tampered } = await keyErasures(services, before.workspace_id, ['principal_id', before.id], call.atMs)
    const isRest = before.erased_at_ms !== null && credentials.length > 0
    const after = isRest ? { ...before, version: before.version + 1 } : erase(before, call.atMs)
    return {
      output: presentPrincipal(after),
      target: after.id,
      facts: { role: after.role, status: after.status, credentials: credentials.length, ...(tampered ? { tampered: true } : {}) },
      writes: [{ kind: 'update', table: principalTable, row: after }, ...credentials],
      expects: await expectsOfLeaving(services, before, call.atMs),
      silences,
      erases: [before.id],
    }
  },
})
