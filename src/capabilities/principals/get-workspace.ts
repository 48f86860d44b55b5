import { requireWorkspace } from './find.ts'
import { principalFaults } from './faults.ts'
import { operation } from './operation.ts'
import { presentWorkspace, workspaceOutput, workspaceParams } from './workspace-schema.ts'

export const getWorkspace = operation.read({
  id: 'workspaces.get',
  summary: 'Show a workspace',
  description: 'Your own; from the first workspace, any.',
  http: 'GET /v1/workspaces/{workspaceId}',
  permission: 'workspaces:read',
  existence: 'workspaces:read',
  roles: ['owner', 'admin', 'auditor'],
  criticality: 'none',
  faults: ['principals/workspace-not-found', 'storage/tampered'],
  input: { params: workspaceParams },
  output: workspaceOutput,
  async handle({ params }, { caller }, services) {
    const own = await requireWorkspace(services, caller.workspaceId)
    if (params.workspaceId === own.id) return presentWorkspace(own)
    if (own.is_root !== 1) throw principalFaults['workspace-not-found']('There is no such workspace.')
    return presentWorkspace(await requireWorkspace(services, params.workspaceId))
  },
})
