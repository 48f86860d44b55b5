import { sql } from 'kysely'
import { Type } from 'typebox'
import { requireVersion } from '#core/http/perform'
import { exactly } from '#core/http/schema'
import { apiDetails, apiFacts, catalogueOf, changeApi, presentApi } from './api.ts'
import { apiName, apiOutput, apiParams, catalogueInput } from './api-schema.ts'
import { keyFaults } from './faults.ts'
import { requireApi } from './find.ts'
import { holdsPermission } from './key-query.ts'
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
  input: { params: apiParams, body: exactly({ name: Type.Optional(apiName), permissions: Type.Optional(catalogueInput) }) },
  output: apiOutput,
  async decide({ params, body }, call, services) {
    const before = await requireApi(services, call.caller.workspaceId, params.apiId)
    requireVersion(call, before)
    if (before.built_in === 1) throw keyFaults['built-in']('The catalogue of the built-in API is what the operations of the control plane say.')
    const after = changeApi(before, body)
    await requireUnused(services, before, after)
    return {
      output: presentApi(after, true),
      target: after.id,
      facts: apiFacts(after),
      details: apiDetails(after),
      writes: [{ kind: 'update', table: apiTable, row: after }],
    }
  },
})

/** @throws Fault keys/permission-in-use naming each permission that is gone from the catalogue and not from the keys */
async function requireUnused(services: KeysServices, before: ApiRow, after: ApiRow): Promise<void> {
  const kept = new Set(catalogueOf(after).map((permission) => permission.name))
  const removed = catalogueOf(before).map((permission) => permission.name).filter((name) => !kept.has(name))
  const used: string[] = []
  for (const name of removed) if (await isHeld(services, before.id, name)) used.push(name)
  if (used.length > 0) {
    throw keyFaults['permission-in-use'](`Take ${used.map((name) => `\`${name}\``).join(', ')} from the keys that hold it first: \`keys list --permission\` names them.`)
  }
}

/** How many keys are looked at before others get their turn. */
const keysAtOnce = 5_000

async function isHeld({ storage }: KeysServices, apiId: string, permission: string): Promise<boolean> {
  const reader = storage.reader<never>()
  for (let after = ''; ; ) {
    const result = await sql<{ count: number; last: string; held: number }>`SELECT count(*) AS count, max(id) AS last, max(held) AS held FROM (
      SELECT id, CASE WHEN status <> 'revoked' AND ${holdsPermission(permission)} THEN 1 ELSE 0 END AS held
      FROM keys WHERE api_id = ${apiId} AND id > ${after} ORDER BY id LIMIT ${keysAtOnce}) AS looked`.execute(reader)
    const [found] = result.rows
    if (found?.held === 1) return true
    if (found === undefined || found.count < keysAtOnce) return false
    after = found.last
    await new Promise((resolve) => setImmediate(resolve))
  }
}
