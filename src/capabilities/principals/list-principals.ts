import { Type } from 'typebox'
import { decodeCursor, encodeCursor } from '#core/http/cursor'
import { exactly, listLimitDefault, pageOf, pageQuery } from '#core/http/schema'
import { operation } from './operation.ts'
import { presentPrincipal, type PrincipalsDatabase } from './principal.ts'
import { principalOutput, role } from './principal-schema.ts'

export const listPrincipals = operation.read({
  id: 'principals.list',
  summary: 'List principals',
  description: 'Everybody who acts, or acted, in the workspace, by id.',
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
    const [after] = query.cursor === undefined ? [''] : decodeCursor('principals.list', query.cursor, ['string'])
    let select = services.storage.reader<PrincipalsDatabase>().selectFrom('principals').selectAll()
      .where('workspace_id', '=', call.caller.workspaceId).where('id', '>', after)
    if (query.role !== undefined) select = select.where('role', '=', query.role)
    const rows = await select.orderBy('id').limit(limit + 1).execute()
    const items = rows.slice(0, limit)
    const last = rows.length > limit ? items.at(-1) : undefined
    return { items: items.map(presentPrincipal), nextCursor: last === undefined ? null : encodeCursor('principals.list', [last.id]) }
  },
})
