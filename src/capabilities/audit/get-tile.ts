import { parseTilePath } from '@claviger/verifier'
import { Type } from 'typebox'
import { exactly, idOf } from '#core/http/schema'
import { auditFaults } from './faults.ts'
import { requireLog } from './find.ts'
import { operation } from './operation.ts'

export const getTile = operation.read({
  id: 'logs.get-tile',
  summary: 'Get a tile of a log',
  description:
    'Hashes of the tree (`0/x001/067`, partial ones `0/067.p/5`) and bundles of entries (`entries/x001/067`), as C2SP tlog-tiles says. Point any reader of such logs at `/v1/logs/{workspaceId}`.',
  http: 'GET /v1/logs/{workspaceId}/tile/{path*}',
  permission: 'logs:read',
  existence: 'logs:read',
  roles: ['owner', 'admin', 'auditor'],
  criticality: 'none',
  faults: ['audit/log-not-found', 'audit/no-such-tile', 'audit/not-yet-published', 'audit/log-damaged'],
  input: { params: exactly({ workspaceId: idOf('wsp'), path: Type.String({ minLength: 1, maxLength: 64, examples: ['0/000.p/5'], description: 'Level and index, or `entries` and index.' }) }) },
  output: Type.Unsafe<Uint8Array>({ type: 'string', format: 'binary', description: 'A hash has 32 bytes; an entry stands behind its length, 16 bits, big-endian.' }),
  contentType: 'application/octet-stream',
  async handle({ params }, { caller }, services) {
    const log = await requireLog(services, caller, params.workspaceId)
    const path = parseTilePath(`tile/${params.path}`)
    const tile = path === null ? null : await log.tile(path)
    if (tile === null) throw auditFaults['no-such-tile']('The published log has no tile of that level, index and width.')
    return tile
  },
})
