import { Type } from 'typebox'
import { toTimestamp } from '#core/base/clock'
import { decodeCursor, encodeCursor } from '#core/http/cursor'
import { exactly, listLimitDefault, pageOf, pageQuery } from '#core/http/schema'
import { logParams, noteOutput } from './entry-schema.ts'
import { requireOwnLog } from './find.ts'
import { operation } from './operation.ts'

export const listCheckpoints = operation.read({
  id: 'logs.list-checkpoints',
  summary: 'List checkpoints of a log',
  description: 'The newest first: the last 64, and of the older ones the first of each hour.',
  http: 'GET /v1/logs/{workspaceId}/checkpoints',
  permission: 'logs:read',
  existence: 'logs:read',
  roles: ['owner', 'admin', 'auditor'],
  criticality: 'none',
  faults: ['audit/log-not-found', 'http/invalid-cursor'],
  input: { params: logParams, query: exactly({ ...pageQuery }) },
  output: pageOf(exactly({ size: Type.Integer({ minimum: 1, description: 'Entries in the tree.' }), at: Type.String(), checkpoint: noteOutput })),
  async handle({ params, query }, { caller }, { reader }) {
    requireOwnLog(caller, params.workspaceId)
    const limit = query.limit ?? listLimitDefault
    const [below] = query.cursor === undefined ? [Number.MAX_SAFE_INTEGER] : decodeCursor('logs.list-checkpoints', query.cursor, ['number'])
    const rows = await reader.checkpoints(params.workspaceId, below, limit + 1)
    const items = rows.slice(0, limit)
    const last = rows.length > limit ? items.at(-1) : undefined
    return {
      items: items.map(({ size, at_ms, checkpoint }) => ({ size, at: toTimestamp(at_ms), checkpoint })),
      nextCursor: last === undefined ? null : encodeCursor('logs.list-checkpoints', [last.size]),
    }
  },
})
