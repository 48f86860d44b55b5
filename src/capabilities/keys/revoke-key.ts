import { exactly } from '#core/http/schema'
import { requireAuthorityOver } from './authority.ts'
import { requireAnyKey } from './find.ts'
import { keyFacts, presentKey, revoke, revokeAltered, subjectOf } from './key.ts'
import { keyOutput, keyParams, reason } from './key-schema.ts'
import { operation } from './operation.ts'
import { keyTable } from './tables.ts'

export const revokeKey = operation.write({
  id: 'keys.revoke',
  summary: 'Revoke a key',
  description: 'Final: a revoked key verifies nowhere and cannot come back. To stop a key for a while, disable it.',
  http: 'POST /v1/keys/{keyId}/revoke',
  permission: 'keys:revoke',
  existence: 'keys:read',
  roles: ['owner', 'admin', 'operator', 'developer'],
  criticality: 'none',
  event: 'key.revoked',
  takesAway: true,
  status: 200,
  faults: ['keys/not-found', 'keys/already-revoked', 'keys/lacks-authority', 'keys/own-credential'],
  input: { params: keyParams, body: exactly({ reason }) },
  output: keyOutput,
  async decide({ params, body }, call, services) {
    // A row that was altered can still be taken away: that needs nothing of what it says.
    const { row, genuine } = await requireAnyKey(services, call.caller.workspaceId, params.keyId)
    const expects = await requireAuthorityOver(services, call, row, genuine)
    const revoked = genuine ? revoke(row, body.reason, call.atMs) : revokeAltered(row, body.reason, call.atMs)
    return {
      output: presentKey(revoked, null, call.atMs, true),
      target: revoked.id,
      subject: subjectOf(revoked),
      facts: genuine ? { ...keyFacts(revoked), reason: body.reason } : { status: revoked.status, reason: body.reason, tampered: true },
      writes: [{ kind: 'update', table: keyTable, row: revoked }],
      expects,
    }
  },
})
