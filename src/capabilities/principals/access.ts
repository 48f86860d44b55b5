/**
 * Access: what each role may do, collected from the operations themselves, and who may hand it on.
 *
 * @module
 */
import { roles, type AnyOperation, type Caller, type Role } from '#core/http/operation'
import { isWithinRanges, roleGrants } from '#cap/keys'
import { principalFaults } from './faults.ts'

export interface Access {
  /** Every permission there is. */
  readonly permissions: ReadonlySet<string>
  permissionsOf(role: Role): ReadonlySet<string>
}

/** Permissions that stand for no operation: addresses of the server itself. */
export interface ExtraPermission {
  readonly permission: string
  readonly roles: readonly Role[]
}

export function collectAccess(operations: readonly AnyOperation[], extra: readonly ExtraPermission[]): Access {
  const byRole = new Map<Role, Set<string>>(roles.map((role) => [role, new Set()]))
  for (const { permission, roles: holders } of [...operations, ...extra]) {
    for (const role of holders) byRole.get(role)?.add(permission)
  }
  const permissions = new Set([...operations, ...extra].map((item) => item.permission))
  return { permissions, permissionsOf: (role) => byRole.get(role) ?? new Set() }
}

/** What a credential grants its holder: the role's permissions, narrowed to the key's own (P2). */
export function effectivePermissions(rolePermissions: ReadonlySet<string>, keyPermissions: Iterable<string>): ReadonlySet<string> {
  const held = new Set(keyPermissions)
  return held.has(roleGrants) ? rolePermissions : rolePermissions.intersection(held)
}

/**
 * Invariant P1: whoever gives, changes or takes authority holds all of it.
 *
 * @throws Fault principals/lacks-authority
 */
export function requireAuthority(caller: Caller, granted: ReadonlySet<string>): void {
  const missing = granted.difference(caller.permissions)
  if (missing.size > 0) {
    throw principalFaults['lacks-authority']('You can only give, change or take what you hold yourself.', { context: { missing: [...missing] } })
  }
}

/**
 * Invariant P8: whoever is bound to addresses gives no credential of their workspace that counts from elsewhere, and no
 * more authority to one that does. One that was stolen with the machine it is bound to must not make itself another for
 * everywhere. For how long is the environment's policy's to say: a credential may make its successor.
 *
 * @param own the ranges of the caller's own credential; empty: from anywhere
 *
 * @throws Fault principals/lacks-authority
 */
export function requireWithinRanges(own: readonly string[], granted: readonly string[]): void {
  if (isWithinRanges(own, granted)) return
  const detail = 'Name ranges within those that your own credential is bound to.'
  throw principalFaults['lacks-authority'](detail, { errors: [{ pointer: '/ipRanges', detail }] })
}
