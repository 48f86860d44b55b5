import { requireAnyKey } from './find.ts'
import { presentKey } from './key.ts'
import { keyOutput, keyParams } from './key-schema.ts'
import { operation } from './operation.ts'
import type { KeysDatabase } from './tables.ts'

export const getKey = operation.read({
  id: 'keys.get',
  summary: 'Show a key',
  description: 'Everything but its secret, which nothing can read back. `genuine` is false when its row was altered outside Claviger.',
  http: 'GET /v1/keys/{keyId}',
  permission: 'keys:read',
  existence: 'keys:read',
  roles: ['owner', 'admin', 'operator', 'developer', 'auditor'],
  criticality: 'none',
  faults: ['keys/not-found'],
  input: { params: keyParams },
  output: keyOutput,
  async handle({ params }, call, services) {
    const { row, genuine } = await requireAnyKey(services, call.caller.workspaceId, params.keyId)
    const usage = await services.storage.reader<KeysDatabase>().selectFrom('key_usage').selectAll().where('id', '=', row.id).executeTakeFirst()
    return presentKey(row, usage ?? null, call.atMs, genuine)
  },
})
