/** Look-ups for operations: rows of the caller's own workspace that may be relied on, or the fault to answer. */
import type { WorkspaceId } from '#core/base/id'
import { readGenuine, readGuarded, type GuardedRow } from '#core/storage/guarded-read'
import { principalFaults } from './faults.ts'
import { checked, principalTable, type PrincipalRow, type PrincipalsDatabase } from './principal.ts'
import type { PrincipalsServices } from './services.ts'
import { workspaceTable, type WorkspaceRow } from '#cap/keys'

type Stores = Pick<PrincipalsServices, 'storage' | 'guard'>

/** How many owners are asked whether their rows are to be believed. */
const ownersMax = 100

export async function requirePrincipal({ storage, guard }: Stores, workspaceId: WorkspaceId, id: string): Promise<PrincipalRow> {
  const row = await readGenuine(storage.reader<never>(), guard, principalTable, id)
  if (row?.workspace_id !== workspaceId) throw principalFaults['not-found']('There is no such principal in this workspace.')
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
 * Invariant P3: a workspace always keeps an active owner. Answers with another active owner, which the commit must
 * expect unchanged, so that two owners cannot remove each other at the same moment.
 *
 * @throws Fault principals/last-owner
 */
export async function requireAnotherOwner({ storage, guard }: Stores, leaving: PrincipalRow) {
  const others = await storage.reader<PrincipalsDatabase>().selectFrom('principals').select('id')
    .where('workspace_id', '=', leaving.workspace_id).where('role', '=', 'owner').where('status', '=', 'active').where('id', '!=', leaving.id)
    .orderBy('id').limit(ownersMax).execute()
  for (const { id } of others) {
    const other = await readGuarded(storage.reader<never>(), guard, principalTable, id)
    if (other?.genuine === true) return { table: principalTable, id, version: other.row.version }
  }
  throw principalFaults['last-owner']('Make somebody else an owner first.')
}

/** Only an active owner's leaving needs another one. */
export const expectsOfLeaving = async (stores: Stores, principal: PrincipalRow) =>
  principal.role === 'owner' && principal.status === 'active' ? [await requireAnotherOwner(stores, principal)] : []
