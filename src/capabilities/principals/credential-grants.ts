/**
 * What a credential lets its holder do, for the room below, which keeps credentials as keys and knows no roles.
 *
 * @module
 */
import { readGuarded } from '#core/storage/guarded-read'
import { effectivePermissions } from './access.ts'
import { principalTable } from './principal.ts'
import type { PrincipalsServices } from './services.ts'

type Stores = Pick<PrincipalsServices, 'storage' | 'guard' | 'access'>

/**
 * @returns what role and key grant together. Where a row is not to be believed it may have granted anything, so that
 *   whoever acts on it must hold everything that it could: the role's whole, or without a role all there is
 */
export function createCredentialGrants({ storage, guard, access }: Stores) {
  return async (principalId: string, permissions: readonly string[] | null): Promise<ReadonlySet<string>> => {
    const found = await readGuarded(storage.reader<never>(), guard, principalTable, principalId)
    if (found === null || !found.genuine) return access.permissions
    const granted = access.permissionsOf(found.row.role)
    return permissions === null ? granted : effectivePermissions(granted, permissions)
  }
}
