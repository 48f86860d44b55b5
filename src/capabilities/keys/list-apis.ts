import { sql } from 'kysely'
import { exactly, pageOf, pageQuery } from '#core/http/schema'
import { presentApi } from './api.ts'
import { apiOutput } from './api-schema.ts'
import { operation } from './operation.ts'
import { readPage } from './page.ts'
import { apiTable } from './tables.ts'

export const listApis = operation.read({
  id: 'apis.list',
  summary: 'List APIs',
  description: 'Those of the workspace, the built-in one among them, the newest first.',
  http: 'GET /v1/apis',
  permission: 'apis:read',
  existence: 'apis:read',
  roles: ['owner', 'admin', 'operator', 'developer', 'auditor'],
  criticality: 'none',
  faults: ['http/invalid-cursor'],
  input: { query: exactly({ ...pageQuery }) },
  output: pageOf(apiOutput),
  handle: ({ query }, { caller }, services) =>
    readPage(services, { operation: 'apis.list', table: apiTable, where: sql`t.workspace_id = ${caller.workspaceId}`, query }, ({ row, genuine }) =>
      presentApi(row, genuine)),
})
