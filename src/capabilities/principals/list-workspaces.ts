import { cursorOf, olderThan, positionOf } from '#core/http/newest-first'
import { exactly, listLimitDefault, pageOf, pageQuery } from '#core/http/schema'
import type { KeysDatabase } from '#cap/keys'
import { requireWorkspace } from './find.ts'
import { operation } from './operation.ts'
import { presentWorkspace, workspaceOutput } from './workspace-schema.ts'

export const listWorkspaces = operation.read({
  id: 'workspaces.list',
  summary: 'List workspaces',
  description: 'Your own; from the first workspace, all of them, the newest first.',
  http: 'GET /v1/workspaces',
  permission: 'workspaces:read',
  existence: 'workspaces:read',
  roles: ['owner', 'admin', 'auditor'],
  criticality: 'none',
  faults: ['http/invalid-cursor', 'principals/workspace-not-found', 'storage/tampered'],
  input: { query: exactly({ ...pageQuery }) },
  output: pageOf(workspaceOutput),
  async handle({ query }, { caller }, services) {
    const own = await requireWorkspace(services, caller.workspaceId)
    if (own.is_root !== 1) return { items: [presentWorkspace(own)], nextCursor: null }
    const limit = query.limit ?? listLimitDefault
    const rows = await services.storage.reader<KeysDatabase>().selectFrom('workspaces').selectAll()
      .where(olderThan('workspaces', positionOf('workspaces.list', query))).orderBy('created_at_ms', 'desc').orderBy('id', 'desc').limit(limit + 1).execute()
    const items = rows.slice(0, limit)
    const last = rows.length > limit ? items.at(-1) : undefined
    return { items: items.map(presentWorkspace), nextCursor: last === undefined ? null : cursorOf('workspaces.list', last) }
  },
})
