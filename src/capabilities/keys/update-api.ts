import { Type } from 'typebox'
import { requireVersion } from '#core/http/perform'
import { exactly } from '#core/http/schema'
import type { Silence } from '#core/storage/commit'
import { lengthOf } from '#core/storage/entry-lookup'
import { apiDetails, apiFacts, catalogueOf, changeApi, presentApi } from './api.ts'
import { apiName, apiOutput, apiParams, catalogueInput } from './api-schema.ts'
import { keyFaults } from './faults.ts'
import { requireApi } from './find.ts'
import { isHeld } from './key-query.ts'
import { operation } from './operation.ts'
import type { KeysServices } from './services.ts'
import { apiTable, type ApiRow } from './tables.ts'

export const updateApi = operation.write({
  id: 'apis.update',
  summary: 'Rename an API or change its catalogue',
  description:
    '`permissions` replaces the whole catalogue. A permission that a key holds which is not revoked cannot be left out. Keys that exist keep what they hold; a stricter `access` counts when they are next changed.',
  http: 'PATCH /v1/apis/{apiId}',
  permission: 'apis:update',
  existence: 'apis:read',
  roles: ['owner', 'admin'],
  criticality: 'none',
  event: 'api.updated',
  takesAway: false,
  status: 200,
  faults: ['keys/api-not-found', 'keys/already-revoked', 'keys/built-in', 'keys/permission-in-use', 'http/precondition-failed', 'storage/tampered'],
  input: { params: apiParams, body: exactly({ name: Type.Optional(apiName), permissions: Type.Optional(catalogueInput) }, { minProperties: 1 }) },
  output: apiOutput,
  async decide({ params, body }, call, services) {
    const before = await requireApi(services, call.caller.workspaceId, params.apiId)
    requireVersion(call, before)
    if (before.built_in === 1) throw keyFaults['built-in']('The catalogue of the built-in API is what the operations of the control plane say.')
    const after = changeApi(before, body)
    const silences = await requireUnused(services, before, after)
    return {
      output: presentApi(after, true),
      target: after.id,
      facts: apiFacts(after),
      details: apiDetails(after),
      writes: [{ kind: 'update', table: apiTable, row: after }],
      silences,
    }
  },
})

/**
 * @returns what must not be said while the keys are looked through: an entry that gives a key one of them
 *
 * @throws Fault keys/permission-in-use naming each permission that is gone from the catalogue and not from the keys
 */
async function requireUnused({ storage }: KeysServices, before: ApiRow, after: ApiRow): Promise<readonly Silence[]> {
  const kept = new Set(catalogueOf(after).map((permission) => permission.name))
  const removed = catalogueOf(before).map((permission) => permission.name).filter((name) => !kept.has(name))
  if (removed.length === 0) return []
  const stream = before.workspace_id
  const from = await lengthOf(storage.reader<never>(), stream)
  const used: string[] = []
  for (const name of removed) if (await isHeld({ storage }, before.id, name)) used.push(name)
  if (used.length > 0) {
    throw keyFaults['permission-in-use'](`Take ${used.map((name) => `\`${name}\``).join(', ')} from the keys that hold it first: \`keys list --permission\` names them.`)
  }
  return removed.map((name) => ({ stream, from, text: `"${name}"` }))
}
