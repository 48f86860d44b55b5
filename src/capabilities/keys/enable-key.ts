import { requireAbove } from './above.ts'
import { requireAuthorityOver } from './authority.ts'
import { requireKey } from './find.ts'
import { enable, keyFacts, presentKey, subjectOf } from './key.ts'
import { keyOutput, keyParams } from './key-schema.ts'
import { operation } from './operation.ts'
import { requirePolicyOf } from './update-key.ts'
import { keyTable } from './tables.ts'

export const enableKey = operation.write({
  id: 'keys.enable',
  summary: 'Enable a key',
  description: 'A disabled key counts again, if its environment\'s policy of today allows it.',
  http: 'POST /v1/keys/{keyId}/enable',
  permission: 'keys:enable',
  existence: 'keys:read',
  roles: ['owner', 'admin', 'operator'],
  criticality: 'none',
  event: 'key.enabled',
  takesAway: false,
  status: 200,
  faults: [
    'keys/not-found', 'keys/environment-not-found', 'keys/api-not-found', 'keys/consumer-not-found', 'keys/not-disabled', 'keys/already-revoked',
    'keys/breaks-policy', 'keys/lacks-authority', 'keys/own-credential', 'storage/tampered',
  ],
  input: { params: keyParams },
  output: keyOutput,
  async decide({ params }, call, services) {
    const { workspaceId } = call.caller
    const before = await requireKey(services, workspaceId, params.keyId)
    const authority = await requireAuthorityOver(services, call, before, true, 'give-back')
    const after = enable(before, call.atMs)
    const above = await requireAbove(services, workspaceId, { environmentId: before.environment_id, consumerId: before.consumer_id })
    requirePolicyOf(above, after)
    return {
      output: presentKey(after, null, call.atMs, true),
      target: after.id,
      subject: subjectOf(after),
      facts: keyFacts(after),
      writes: [{ kind: 'update', table: keyTable, row: after }],
      expects: [...authority, ...above.expects],
    }
  },
})
