/** Look-ups for operations: rows of the caller's own workspace that may be relied on, or the fault to answer. */
import type { WorkspaceId } from '#core/base/id'
import { httpFaults } from '#core/http/faults'
import type { Call } from '#core/http/operation'
import type { Expectation, Silence } from '#core/storage/commit'
import { readGenuine, readGuarded, tampered, type GuardedRow } from '#core/storage/guarded-read'
import { effectivePermissions } from './access.ts'
import { principalFaults } from './faults.ts'
import { checked, principalTable, type PrincipalRow, type PrincipalsDatabase } from './principal.ts'
import type { PrincipalsServices } from './services.ts'
import { isWithinRanges, keyTable, legibleRanges, noKeyFromNow, workspaceTable, type KeysDatabase, type WorkspaceRow } from '#cap/keys'

type Stores = Pick<PrincipalsServices, 'storage' | 'guard'>

/** How many credentials of owners are looked at. */
const waysInMax = 100

export async function requirePrincipal(stores: Stores, workspaceId: WorkspaceId, id: string): Promise<PrincipalRow> {
  // Whose it is comes first: another workspace's altered row is answered like a missing one.
  const { row, genuine } = await requireAnyPrincipal(stores, workspaceId, id)
  if (!genuine) throw tampered(principalTable, id)
  return checked(row)
}

/** A principal even when its row was altered: for taking it away. */
export async function requireAnyPrincipal({ storage, guard }: Stores, workspaceId: WorkspaceId, id: string): Promise<GuardedRow<PrincipalRow>> {
  const found = await readGuarded(storage.reader<never>(), guard, principalTable, id)
  if (found?.row.workspace_id !== workspaceId) throw principalFaults['not-found']('There is no such principal in this workspace.')
  return found
}

export async function requireWorkspace({ storage, guard }: Stores, id: string): Promise<WorkspaceRow> {
  const row = await readGenuine(storage.reader<never>(), guard, workspaceTable, id)
  if (row === null) throw principalFaults['workspace-not-found']('There is no such workspace.')
  return row
}

/**
 * Invariant P8: what the caller gives a principal, every credential of the principal's has. So each of those that are not
 * over counts from nowhere but where the caller's own does; and the commit demands that it gets no other meanwhile.
 *
 * @throws Fault principals/lacks-authority, http/unauthenticated
 */
export async function requireCredentialsWithin({ storage, guard }: Stores, { caller, atMs }: Call, principalId: string): Promise<readonly Silence[]> {
  const own = await readGenuine(storage.reader<never>(), guard, keyTable, caller.keyId)
  if (own === null) throw httpFaults.unauthenticated('The credential is not valid.')
  const bounds = JSON.parse(own.ip_ranges) as string[]
  if (bounds.length === 0) return []
  const silence = await noKeyFromNow(storage, caller.workspaceId, ['principal_id', principalId])
  const credentials = await storage.reader<KeysDatabase>().selectFrom('keys').select('ip_ranges').distinct()
    .where('principal_id', '=', principalId).where('status', '<>', 'revoked').where('expires_at_ms', '>', atMs).execute()
  if (credentials.every(({ ip_ranges: ranges }) => isWithinRanges(bounds, legibleRanges(ranges)))) return [silence]
  throw principalFaults['lacks-authority']('Your own credential is bound to addresses, and this principal has one that counts from elsewhere.')
}

/**
 * Invariant P3: a workspace always keeps an active owner with a way in: a credential that counts and grants all that the
 * role grants. Answers with the rows of one, which the commit must expect unchanged, so that two owners cannot remove
 * each other at the same moment.
 *
 * @throws Fault principals/last-owner
 */
export async function requireAnotherOwner(services: Stores & Pick<PrincipalsServices, 'access'>, leaving: PrincipalRow, nowMs: number): Promise<readonly Expectation[]> {
  const { storage, guard, access } = services
  const all = access.permissionsOf('owner')
  const ways = await storage.reader<PrincipalsDatabase & KeysDatabase>().selectFrom('principals').innerJoin('keys', 'keys.principal_id', 'principals.id')
    .select(['principals.id as ownerId', 'keys.id as keyId'])
    .where('principals.workspace_id', '=', leaving.workspace_id).where('principals.role', '=', 'owner').where('principals.status', '=', 'active')
    .where('principals.id', '!=', leaving.id).where('keys.status', '=', 'active').where('keys.expires_at_ms', '>', nowMs)
    // `["*"]` sorts before every list of names, so that narrow credentials cannot crowd out the others.
    .orderBy('keys.permissions').orderBy('keys.id').limit(waysInMax).execute()
  for (const { ownerId, keyId } of ways) {
    const owner = await readGuarded(storage.reader<never>(), guard, principalTable, ownerId)
    const key = await readGuarded(storage.reader<never>(), guard, keyTable, keyId)
    if (owner?.genuine !== true || key?.genuine !== true) continue
    // They were listed before they were read: meanwhile the owner may have become something else, and the key be over.
    if (owner.row.role !== 'owner' || owner.row.status !== 'active' || key.row.status !== 'active') continue
    if (effectivePermissions(all, JSON.parse(key.row.permissions) as string[]).size < all.size) continue
    return [{ table: principalTable, id: ownerId, version: owner.row.version }, { table: keyTable, id: keyId, version: key.row.version }]
  }
  throw principalFaults['last-owner']('Make somebody else an owner first, with a credential that grants what the role grants.')
}

/** Only an active owner's leaving needs another one. */
export const expectsOfLeaving = async (services: PrincipalsServices, principal: PrincipalRow, nowMs: number) =>
  principal.role === 'owner' && principal.status === 'active' ? requireAnotherOwner(services, principal, nowMs) : []
