import { sql } from 'kysely'
import { Type } from 'typebox'
import { exactly, pageOf, pageQuery } from '#core/http/schema'
import { presentConsumer } from './consumer.ts'
import { consumerOutput, reference } from './consumer-schema.ts'
import { operation } from './operation.ts'
import { readPage } from './page.ts'
import { consumerTable } from './tables.ts'

export const listConsumers = operation.read({
  id: 'consumers.list',
  summary: 'List consumers',
  description: 'Those of the workspace, the newest first, or the one with your own id of it.',
  http: 'GET /v1/consumers',
  permission: 'consumers:read',
  existence: 'consumers:read',
  roles: ['owner', 'admin', 'operator', 'developer', 'auditor'],
  criticality: 'none',
  faults: ['http/invalid-cursor'],
  input: { query: exactly({ ...pageQuery, reference: Type.Optional(reference) }) },
  output: pageOf(consumerOutput),
  handle({ query }, { caller }, services) {
    const ofWorkspace = sql`t.workspace_id = ${caller.workspaceId}`
    const where = query.reference === undefined ? ofWorkspace : sql`${ofWorkspace} AND t.reference = ${query.reference}`
    return readPage(services, { operation: 'consumers.list', table: consumerTable, where, query }, ({ row, genuine }) =>
      presentConsumer(row, genuine))
  },
})
