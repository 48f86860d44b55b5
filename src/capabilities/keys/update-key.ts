import { Type } from 'typebox'
import { canonicalJson } from '#core/base/json'
import { requireVersion } from '#core/http/perform'
import { exactly, nullable } from '#core/http/schema'
import { requireAbove, type Above } from './above.ts'
import { canonicalRestrictions, requireExpiry } from './create-key.ts'
import { keyFaults } from './faults.ts'
import { requireKey } from './find.ts'
import { change, keyDetails, keyFacts, presentKey, subjectOf } from './key.ts'
import { keyOutput, keyParams, keyTerms, timeWindow } from './key-schema.ts'
import { operation } from './operation.ts'
import { chosenPermissions, permissionsNamed, type Permission } from './permission.ts'
import { requirePolicy, type Policy } from './policy.ts'
import { keyTable, type KeyRow } from './tables.ts'

export const updateKey = operation.write({
  id: 'keys.update',
  summary: 'Change a key',
  description:
    'Its name, permissions, restrictions or expiry; what is left out stays. Counts from the next verification on. Its environment\'s policy of today must allow the whole key, counted from its creation.',
  http: 'PATCH /v1/keys/{keyId}',
  permission: 'keys:update',
  existence: 'keys:read',
  roles: ['owner', 'admin', 'operator', 'developer'],
  criticality: 'none',
  event: 'key.updated',
  takesAway: false,
  status: 200,
  faults: [
    'keys/not-found', 'keys/environment-not-found', 'keys/api-not-found', 'keys/consumer-not-found', 'keys/already-revoked', 'keys/not-active',
    'keys/built-in', 'keys/unknown-permission', 'keys/breaks-policy', 'keys/invalid-restriction', 'keys/invalid-expiry',
    'http/precondition-failed', 'storage/tampered',
  ],
  input: {
    params: keyParams,
    body: exactly({
      name: Type.Optional(keyTerms.name),
      permissions: Type.Optional(keyTerms.permissions),
      expiresAt: keyTerms.expiresAt,
      ipRanges: keyTerms.ipRanges,
      origins: keyTerms.origins,
      timeWindow: Type.Optional(nullable(timeWindow)),
    }, { minProperties: 1 }),
  },
  output: keyOutput,
  async decide({ params, body }, call, services) {
    const { workspaceId } = call.caller
    const before = await requireKey(services, workspaceId, params.keyId)
    requireVersion(call, before)
    if (before.principal_id !== null) throw keyFaults['built-in']('A credential of the control plane is not changed. Make another with principals.create-credential, and revoke this one.')
    const above = await requireAbove(services, workspaceId, { environmentId: before.environment_id, consumerId: before.consumer_id })
    const restrictions = canonicalRestrictions(body)
    const after = change(before, {
      name: body.name ?? before.name,
      permissions: body.permissions === undefined ? before.permissions : canonicalJson(chosenPermissions(catalogueOf(above), body.permissions)),
      ip_ranges: body.ipRanges === undefined ? before.ip_ranges : canonicalJson(restrictions.ipRanges),
      origins: body.origins === undefined ? before.origins : canonicalJson(restrictions.origins),
      time_window: body.timeWindow === undefined ? before.time_window : restrictions.timeWindow,
      expires_at_ms: body.expiresAt === undefined ? before.expires_at_ms : requireExpiry(body.expiresAt, call.atMs),
    }, call.atMs)
    requirePolicyOf(above, after)
    return {
      output: presentKey(after, null, call.atMs, true),
      target: after.id,
      subject: subjectOf(after),
      facts: keyFacts(after),
      details: keyDetails(after),
      writes: [{ kind: 'update', table: keyTable, row: after }],
      expects: above.expects,
    }
  },
})

const catalogueOf = ({ api }: Above): readonly Permission[] => JSON.parse(api.catalogue) as Permission[]

/** A key as it is to be, against the policy of today. @throws Fault keys/breaks-policy */
export function requirePolicyOf(above: Above, key: KeyRow): void {
  requirePolicy(JSON.parse(above.environment.policy) as Policy, {
    createdAtMs: key.created_at_ms,
    expiresAtMs: key.expires_at_ms,
    ipRanges: JSON.parse(key.ip_ranges) as string[],
    permissions: permissionsNamed(catalogueOf(above), JSON.parse(key.permissions) as string[]),
  })
}
