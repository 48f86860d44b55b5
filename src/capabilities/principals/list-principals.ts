import { Type } from 'typebox'
import { cursorOf, olderThan, positionOf } from '#core/http/newest-first'
import { exactly, listLimitDefault, pageOf, pageQuery } from '#core/http/schema'
import { operation } from './operation.ts'
import { presentPrincipal, type PrincipalsDatabase } from './principal.ts'
import { principalOutput, role } from './principal-schema.ts'

export const listPrincipals = operation.read({
  id: 'principals.list',
  summary: 'List principals',
  description: 'Everybody who acts, or acted, in the workspace, the newest first.',
  http: 'GET /v1/principals',
  permission: 'principals:read',
  existence: 'principals:read',
  roles: ['owner', 'admin', 'operator', 'auditor'],
  criticality: 'none',
  faults: ['http/invalid-cursor'],
  input: { query: exactly({ ...pageQuery, role: Type.Optional(role) }) },
  output: pageOf(principalOutput),
  async handle({ query }, call, services) {
    const limit = query.limit ?? listLimitDefault
    let select = services.storage.reader<PrincipalsDatabase>().selectFrom('principals').selectAll()
      .where('workspace_id', '=', call.caller.workspaceId).where(olderThan('principals', positionOf('principals.list', query)))
    if (query.role !== undefined) select = select.where('role', '=', query.role)
    const rows = await select.orderBy('created_at_ms', 'desc').orderBy('id', 'desc').limit(limit + 1).execute()
    const items = rows.slice(0, limit)
    const last = rows.length > limit ? items.at(-1) : undefined
    return { items: items.map(presentPrincipal), nextCursor: last === undefined ? null : cursorOf('principals.list', last) }
  },
})
