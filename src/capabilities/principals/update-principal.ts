import { Type } from 'typebox'
import { requireVersion } from '#core/http/perform'
import { exactly } from '#core/http/schema'
import { requireAuthority } from './access.ts'
import { principalFaults } from './faults.ts'
import { expectsOfLeaving, requireCredentialsWithin, requirePrincipal } from './find.ts'
import { operation } from './operation.ts'
import { checked, presentPrincipal, principalTable } from './principal.ts'
import { principalName, principalOutput, principalParams, role } from './principal-schema.ts'

export const updatePrincipal = operation.write({
  id: 'principals.update',
  summary: 'Rename a principal or change its role',
  description: 'Takes every permission of both the old role and the new one. Counts from the next request of that principal on.',
  http: 'PATCH /v1/principals/{principalId}',
  permission: 'principals:update',
  existence: 'principals:read',
  roles: ['owner', 'admin'],
  criticality: 'none',
  event: 'principal.updated',
  takesAway: false,
  status: 200,
  faults: ['principals/not-found', 'principals/lacks-authority', 'principals/name-taken', 'principals/last-owner', 'principals/already-revoked', 'http/precondition-failed', 'storage/tampered'],
  input: { params: principalParams, body: exactly({ name: Type.Optional(principalName), role: Type.Optional(role) }, { minProperties: 1 }) },
  output: principalOutput,
  unique: { principals_name: () => principalFaults['name-taken']('Another principal of this workspace has that name.') },
  async decide({ params, body }, call, services) {
    const before = await requirePrincipal(services, call.caller.workspaceId, params.principalId)
    requireVersion(call, before)
    if (before.status === 'revoked') throw principalFaults['already-revoked']('A revoked principal is not changed any more.')
    requireAuthority(call.caller, services.access.permissionsOf(before.role))
    const after = checked({ ...before, version: before.version + 1, name: body.name ?? before.name, role: body.role ?? before.role })
    const given = services.access.permissionsOf(after.role)
    requireAuthority(call.caller, given)
    const givesMore = given.difference(services.access.permissionsOf(before.role)).size > 0
    const silences = givesMore ? await requireCredentialsWithin(services, call, before.id) : []
    return {
      output: presentPrincipal(after),
      target: after.id,
      facts: { role: after.role, previousRole: before.role },
      details: body.name === undefined ? [] : [{ subject: after.id, data: { name: body.name } }],
      writes: [{ kind: 'update', table: principalTable, row: after }],
      expects: after.role === before.role ? [] : await expectsOfLeaving(services, before, call.atMs),
      silences,
    }
  },
})
