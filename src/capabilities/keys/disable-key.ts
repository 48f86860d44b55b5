import { requireAuthorityOver } from './authority.ts'
import { requireKey } from './find.ts'
import { disable, keyFacts, presentKey, subjectOf } from './key.ts'
import { keyOutput, keyParams } from './key-schema.ts'
import { operation } from './operation.ts'
import { keyTable } from './tables.ts'

export const disableKey = operation.write({
  id: 'keys.disable',
  summary: 'Disable a key',
  description: 'Refused from the next verification on, until it is enabled again. Use it while you find out; revoke it when you know.',
  http: 'POST /v1/keys/{keyId}/disable',
  permission: 'keys:disable',
  existence: 'keys:read',
  roles: ['owner', 'admin', 'operator', 'developer'],
  criticality: 'none',
  event: 'key.disabled',
  takesAway: true,
  status: 200,
  faults: ['keys/not-found', 'keys/not-active', 'keys/lacks-authority', 'keys/own-credential', 'storage/tampered'],
  input: { params: keyParams },
  output: keyOutput,
  async decide({ params }, call, services) {
    // Only a genuine row: to write an altered one back would make it genuine, and enabling it would widen the key.
    const before = await requireKey(services, call.caller.workspaceId, params.keyId)
    const expects = await requireAuthorityOver(services, call, before, true)
    const after = disable(before)
    return {
      output: presentKey(after, null, call.atMs, true),
      target: after.id,
      subject: subjectOf(after),
      facts: keyFacts(after),
      writes: [{ kind: 'update', table: keyTable, row: after }],
      expects,
    }
  },
})
