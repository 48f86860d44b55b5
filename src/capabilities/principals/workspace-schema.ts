import { Type } from 'typebox'
import { toTimestamp, toTimestampOrNull } from '#core/base/clock'
import { exactly, idOf, nullable, oneOf } from '#core/http/schema'
import type { WorkspaceRow } from '#cap/keys'

export const workspaceParams = exactly({ workspaceId: idOf('wsp') })

export const workspaceOutput = exactly({
  workspaceId: idOf('wsp'),
  version: Type.Integer({ minimum: 1 }),
  name: Type.String(),
  status: oneOf(['active', 'revoked']),
  first: Type.Boolean({ description: 'The workspace of the first start, whose owners manage the others.' }),
  createdAt: Type.String(),
  revokedAt: nullable(Type.String()),
})

export const presentWorkspace = (row: WorkspaceRow) => ({
  workspaceId: row.id,
  version: row.version,
  name: row.name,
  status: row.status,
  first: row.is_root === 1,
  createdAt: toTimestamp(row.created_at_ms),
  revokedAt: toTimestampOrNull(row.revoked_at_ms),
})
