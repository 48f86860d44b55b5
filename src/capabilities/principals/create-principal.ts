import { Type } from 'typebox'
import { exactly } from '#core/http/schema'
import { subjectKey } from '#core/keyring/keyring'
import { requireAuthority } from './access.ts'
import { principalFaults } from './faults.ts'
import { operation } from './operation.ts'
import { newPrincipal, presentPrincipal, principalTable } from './principal.ts'
import { principalKind, principalName, principalOutput, role } from './principal-schema.ts'

export const createPrincipal = operation.write({
  id: 'principals.create',
  summary: 'Add a user or service account',
  description: 'A principal can do nothing until it has a credential. You can give only roles whose permissions you all hold.',
  http: 'POST /v1/principals',
  permission: 'principals:create',
  existence: 'principals:read',
  roles: ['owner', 'admin'],
  criticality: 'none',
  event: 'principal.created',
  takesAway: false,
  status: 201,
  faults: ['principals/lacks-authority', 'principals/name-taken'],
  input: { body: exactly({ kind: Type.Optional(principalKind), name: principalName, role }) },
  output: principalOutput,
  unique: { principals_name: () => principalFaults['name-taken']('Another principal of this workspace has that name.') },
  async decide({ body }, call, services) {
    requireAuthority(call.caller, services.access.permissionsOf(body.role))
    const { workspaceId } = call.caller
    const principal = newPrincipal({ workspaceId, kind: body.kind ?? 'service-account', name: body.name, role: body.role, atMs: call.atMs, random: call.random })
    const draft = services.keyring.draft()
    await draft.create(subjectKey(workspaceId, principal.id))
    return {
      output: presentPrincipal(principal),
      target: principal.id,
      facts: { kind: principal.kind, role: principal.role },
      details: [{ subject: principal.id, data: { name: body.name } }],
      writes: [...draft.writes, { kind: 'insert', table: principalTable, row: principal }],
    }
  },
})
