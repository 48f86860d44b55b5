import { Type } from 'typebox'
import { exactly, idOf, lineOf, secretString, timestamp } from '#core/http/schema'
import { httpFaults } from '#core/http/faults'
import { readGenuine } from '#core/storage/guarded-read'
import { issueKey, keyTable, roleGrants } from '#cap/keys'
import { requireAuthority, requireWithinRanges } from './access.ts'
import { requireBuiltIn } from './built-in.ts'
import { principalFaults } from './faults.ts'
import { requirePrincipal } from './find.ts'
import { operation } from './operation.ts'
import { principalTable } from './principal.ts'
import { controlPermission, principalParams } from './principal-schema.ts'
import type { PrincipalsServices } from './services.ts'

export const createCredential = operation.write({
  id: 'principals.create-credential',
  summary: 'Issue a credential to a principal',
  description:
    'A key of the built-in API. Its secret is answered once. Without `permissions` it grants what the role grants; name fewer for least privilege, such as `keys:verify` alone for a server that only verifies. You can issue it to principals only whose role grants nothing that you lack, and name only permissions that you hold; a credential that is bound to addresses issues only such as are bound to them, too.',
  http: 'POST /v1/principals/{principalId}/credentials',
  permission: 'principals:create-credential',
  existence: 'principals:read',
  roles: ['owner', 'admin'],
  criticality: 'none',
  event: 'credential.created',
  takesAway: false,
  status: 201,
  faults: [
    'principals/not-found', 'principals/lacks-authority', 'principals/unknown-permission', 'principals/not-active',
    'keys/breaks-policy', 'keys/invalid-restriction', 'keys/invalid-expiry', 'keys/already-revoked', 'storage/tampered',
  ],
  input: {
    params: principalParams,
    body: exactly({
      name: lineOf(80, 'What people call the credential.'),
      permissions: Type.Optional(Type.Array(controlPermission, { minItems: 1, maxItems: 128, uniqueItems: true })),
      expiresAt: Type.Optional(timestamp('When it stops working. Default: as late as policy allows.')),
      ipRanges: Type.Optional(Type.Array(Type.String({ minLength: 2, maxLength: 49 }), { maxItems: 64, description: 'From where it may be used.' })),
    }),
  },
  output: exactly({
    keyId: idOf('key'),
    principalId: idOf('prn'),
    permissions: Type.Array(Type.String()),
    expiresAt: Type.String(),
    secret: secretString({ maxLength: 96, description: 'The credential itself. Shown this once.' }),
  }),
  async decide({ params, body }, call, services) {
    const { workspaceId } = call.caller
    const principal = await requirePrincipal(services, workspaceId, params.principalId)
    if (principal.status !== 'active') throw principalFaults['not-active']('Only an active principal gets credentials.')
    const permissions = chosenPermissions(services, body.permissions ?? [roleGrants])
    // Whoever has its secret acts in the principal's name, so the whole role counts; and so does what is named, which the
    // role may come to grant later.
    requireAuthority(call.caller, services.access.permissionsOf(principal.role).union(new Set(permissions.filter((name) => name !== roleGrants))))
    const own = await readGenuine(services.storage.reader<never>(), services.guard, keyTable, call.caller.keyId)
    if (own === null) throw httpFaults.unauthenticated('The credential is not valid.')
    requireWithinRanges(JSON.parse(own.ip_ranges) as string[], body.ipRanges ?? [])
    const { api, environment } = await requireBuiltIn(services, workspaceId)
    const hash = await services.peppers.load(workspaceId, environment.id, environment.pepper_version)
    const issuer = { atMs: call.atMs, random: call.random, principalId: call.caller.principalId }
    const decision = issueKey(issuer, { api, environment, permissions, hash, terms: body, principalId: principal.id })
    const { keyId, expiresAt, secret } = decision.output
    return {
      ...decision,
      output: { keyId, principalId: principal.id, permissions: [...permissions], expiresAt, secret },
      expects: [...decision.expects, { table: principalTable, id: principal.id, version: principal.version }],
    }
  },
})

/** @throws Fault principals/unknown-permission */
function chosenPermissions(services: PrincipalsServices, wanted: readonly string[]): readonly string[] {
  const unknown = wanted.filter((name) => name !== roleGrants && !services.access.permissions.has(name))
  if (unknown.length > 0) {
    throw principalFaults['unknown-permission']('`roles list` shows the permissions there are.', {
      errors: unknown.map((name) => ({ pointer: `/permissions/${wanted.indexOf(name)}`, detail: 'No operation has this permission.' })),
    })
  }
  return [...new Set(wanted)].sort()
}
