import type { Caller } from '#core/http/operation'
import { exactly, idOf, lineOf, secretString } from '#core/http/schema'
import { principalFaults } from './faults.ts'
import { requireWorkspace } from './find.ts'
import { foundWorkspace } from './found-workspace.ts'
import { operation } from './operation.ts'
import type { PrincipalsServices } from './services.ts'
import { presentWorkspace, workspaceOutput } from './workspace-schema.ts'

export const createWorkspace = operation.write({
  id: 'workspaces.create',
  summary: 'Found a workspace',
  description:
    'A tenant of its own: nobody of another workspace can see or affect it. Answers with its owner\'s first credential, once. Only owners of the first workspace can do this.',
  http: 'POST /v1/workspaces',
  permission: 'workspaces:create',
  existence: 'workspaces:read',
  roles: ['owner'],
  criticality: 'none',
  event: 'workspace.created',
  takesAway: false,
  status: 201,
  faults: ['principals/not-first-workspace', 'principals/workspace-not-found', 'storage/tampered'],
  input: { body: exactly({ name: lineOf(80, 'What people call the workspace.'), ownerName: lineOf(80, 'Its first owner.') }) },
  output: exactly({
    ...workspaceOutput.properties,
    ownerId: idOf('prn'),
    secret: secretString({ maxLength: 96, description: 'The owner\'s first credential. Shown this once.' }),
  }),
  async decide({ body }, call, services) {
    await requireFirstWorkspace(services, call.caller)
    const founded = await foundWorkspace(services.keyring, {
      name: body.name, ownerName: body.ownerName, isRoot: false, atMs: call.atMs, random: call.random, founderId: call.caller.principalId,
    })
    return {
      output: { ...presentWorkspace(founded.workspace), ownerId: founded.owner.id, secret: founded.secret },
      workspaceId: founded.workspace.id as typeof call.caller.workspaceId,
      target: founded.workspace.id,
      facts: founded.facts,
      writes: founded.writes,
    }
  },
})

/** Invariant P4: only principals of the first workspace reach beyond their own. @throws Fault principals/not-first-workspace */
export async function requireFirstWorkspace(services: Pick<PrincipalsServices, 'storage' | 'guard'>, caller: Caller): Promise<void> {
  const own = await requireWorkspace(services, caller.workspaceId)
  if (own.is_root !== 1) throw principalFaults['not-first-workspace']('Ask somebody of the first workspace of this instance.')
}
