/** An API: a protected service with its catalogue of permissions and its key prefix. Transitions are pure. */
import { toTimestamp, toTimestampOrNull } from '#core/base/clock'
import { newId, type Random } from '#core/base/id'
import { canonicalJson, type JsonObject } from '#core/base/json'
import type { Detail } from '#core/http/operation'
import { invalidInput } from '#core/http/validation'
import { keyFaults } from './faults.ts'
import { legibleApi } from './legible.ts'
import type { Permission } from './permission.ts'
import { checkedStanding } from './standing.ts'
import type { ApiRow } from './tables.ts'

/** A permission as a caller describes it. */
export interface PermissionInput {
  readonly name: string
  readonly access: Permission['access']
  readonly description?: string
}

export const catalogueOf = (api: ApiRow): readonly Permission[] => JSON.parse(api.catalogue) as Permission[]

export function newApi(of: {
  workspaceId: string; slug: string; name: string; prefix: string; permissions: readonly PermissionInput[]; atMs: number; random: Random
}): ApiRow {
  return checkedStanding({
    id: newId('api', of.random), version: 1, workspace_id: of.workspaceId, slug: of.slug, name: of.name, prefix: of.prefix,
    catalogue: canonicalCatalogue(of.permissions), status: 'active', built_in: 0, created_at_ms: of.atMs, revoked_at_ms: null, revocation_reason: null,
  })
}

/** Its slug and prefix stand in addresses and tokens and never change. @throws Fault keys/already-revoked */
export function changeApi(api: ApiRow, changed: { readonly name?: string; readonly permissions?: readonly PermissionInput[] }): ApiRow {
  if (api.status === 'revoked') throw keyFaults['already-revoked']('A revoked API is not changed any more.')
  return checkedStanding({
    ...api,
    version: api.version + 1,
    name: changed.name ?? api.name,
    catalogue: changed.permissions === undefined ? api.catalogue : canonicalCatalogue(changed.permissions),
  })
}

/** Sorted by name. @throws Fault http/invalid-input when a name stands there twice */
function canonicalCatalogue(permissions: readonly PermissionInput[]): string {
  const names = permissions.map((permission) => permission.name)
  const repeated = names.flatMap((name, index) => (names.indexOf(name) === index ? [] : [index]))
  if (repeated.length > 0) {
    throw invalidInput(repeated.map((index) => ({ pointer: `/permissions/${index}/name`, detail: 'Must not stand there twice.' })))
  }
  const catalogue = permissions.map(({ name, access, description }) => ({ name, access, description: description ?? '' }))
  return canonicalJson(catalogue.sort((one, other) => (one.name < other.name ? -1 : 1)))
}

export function presentApi(row: ApiRow, genuine: boolean) {
  const api = genuine ? row : legibleApi(row)
  return {
    apiId: api.id,
    version: api.version,
    slug: api.slug,
    name: api.name,
    prefix: api.prefix,
    permissions: [...catalogueOf(api)],
    status: api.status,
    builtIn: api.built_in === 1,
    createdAt: toTimestamp(api.created_at_ms),
    revokedAt: toTimestampOrNull(api.revoked_at_ms),
    revocationReason: api.revocation_reason,
    genuine,
  }
}

export const apiFacts = (api: ApiRow): JsonObject => ({
  slug: api.slug,
  prefix: api.prefix,
  status: api.status,
  permissions: catalogueOf(api).map(({ name, access }) => ({ name, access })),
})

/** What people call it is free text: sealed, for the workspace. */
export const apiDetails = (api: ApiRow): readonly Detail[] => [{ subject: api.workspace_id, data: { name: api.name } }]
