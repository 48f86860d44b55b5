import { sql } from 'kysely'
import { Type } from 'typebox'
import { exactly, idOf, pageOf, pageQuery } from '#core/http/schema'
import { presentEnvironment } from './environment.ts'
import { environmentOutput } from './environment-schema.ts'
import { operation } from './operation.ts'
import { readPage } from './page.ts'
import { environmentTable } from './tables.ts'

export const listEnvironments = operation.read({
  id: 'environments.list',
  summary: 'List environments',
  description: 'Those of one API, or of all, the newest first.',
  http: 'GET /v1/environments',
  permission: 'environments:read',
  existence: 'environments:read',
  roles: ['owner', 'admin', 'operator', 'developer', 'auditor'],
  criticality: 'none',
  faults: ['http/invalid-cursor'],
  input: { query: exactly({ ...pageQuery, apiId: Type.Optional(idOf('api', 'Only those of this API.')) }) },
  output: pageOf(environmentOutput),
  handle({ query }, { caller }, services) {
    const ofWorkspace = sql`t.workspace_id = ${caller.workspaceId}`
    const where = query.apiId === undefined ? ofWorkspace : sql`${ofWorkspace} AND t.api_id = ${query.apiId}`
    return readPage(services, { operation: 'environments.list', table: environmentTable, where, query }, ({ row, genuine }) =>
      presentEnvironment(row, genuine))
  },
})
