/**
 * Recovery: a new way in for a workspace whose owners have all lost theirs.
 *
 * It is no operation, for there is nobody left to authenticate. Whoever runs it holds the root key and the database, and
 * with them could forge anything; this way it stands in the log (invariant P7).
 *
 * @module
 */
import { toTimestamp, type Clock } from '#core/base/clock'
import { isId, type Random, type WorkspaceId } from '#core/base/id'
import { subjectKey, type Keyring } from '#core/keyring/keyring'
import type { RowWrite } from '#core/storage/commit'
import { readGuarded } from '#core/storage/guarded-read'
import type { Recorder } from '#cap/audit'
import { issueKey, roleGrants, type KeysDatabase } from '#cap/keys'
import { requireBuiltIn } from './built-in.ts'
import { principalFaults } from './faults.ts'
import { requireWorkspace } from './find.ts'
import { checked, newPrincipal, principalTable, type PrincipalRow, type PrincipalsDatabase } from './principal.ts'
import type { PrincipalsServices } from './services.ts'

export interface RecoveryServices extends Pick<PrincipalsServices, 'storage' | 'guard' | 'peppers'> {
  readonly keyring: Keyring
  readonly recorder: Recorder
  readonly clock: Clock
  readonly random: Random
}

export interface RecoveryOptions {
  /** Null: the first workspace. */
  readonly workspaceId: string | null
  /**
   * Puts the credential where whoever asked finds it. Called before the commit: a crash between the two leaves a file that
   * opens nothing, and recovery can be run again.
   */
  readonly deliver: (secret: string) => void
}

export interface RecoveredOwner {
  readonly workspaceId: string
  readonly principalId: string
  readonly keyId: string
  readonly expiresAt: string
  /** Whether no owner was active, so that one had to be made. */
  readonly isNew: boolean
}

/**
 * Issues one credential that grants all that an owner may do: to the active owner who was made first, or to a new one.
 *
 * @throws Fault principals/workspace-not-found, principals/already-revoked, storage/tampered
 * @throws CommitConflict where other servers changed a row meanwhile: try again
 */
export async function recoverOwner(services: RecoveryServices, options: RecoveryOptions): Promise<RecoveredOwner> {
  const { keyring, peppers, recorder, clock, random } = services
  const workspaceId = await requireLivingWorkspace(services, options.workspaceId)
  const atMs = clock.now()
  const found = await longestActiveOwner(services, workspaceId)
  const owner = found ?? newPrincipal({ workspaceId, kind: 'user', name: `Owner, recovered ${toTimestamp(atMs)}`, role: 'owner', atMs, random })
  const { api, environment } = await requireBuiltIn(services, workspaceId)
  const hash = await peppers.load(workspaceId, environment.id, environment.pepper_version)
  const decision = issueKey({ atMs, random, principalId: owner.id }, {
    api, environment, permissions: [roleGrants], hash, terms: { name: 'recovered' }, principalId: owner.id,
  })
  const draft = keyring.draft()
  if (found === null) await draft.create(subjectKey(workspaceId, owner.id))
  const ownerWrites: readonly RowWrite[] = found === null ? [{ kind: 'insert', table: principalTable, row: owner }] : []
  const { secret, keyId, expiresAt } = decision.output
  options.deliver(secret)
  await recorder.recordChanges([{
    workspaceId, atMs, event: 'owner.recovered', operation: 'owner-recovery', actor: { system: 'recovery' }, target: owner.id,
    facts: { ...decision.facts, credential: keyId, madeOwner: found === null },
    details: [...(decision.details ?? []), ...(found === null ? [{ subject: owner.id, data: { principalName: owner.name } }] : [])],
    writes: [...draft.writes, ...ownerWrites, ...decision.writes],
    expects: [...decision.expects, ...(found === null ? [] : [{ table: principalTable, id: owner.id, version: owner.version }])],
    erases: [], takesAway: false,
  }])
  return { workspaceId, principalId: owner.id, keyId, expiresAt, isNew: found === null }
}

async function requireLivingWorkspace(services: RecoveryServices, named: string | null): Promise<WorkspaceId> {
  const first = services.storage.reader<KeysDatabase>().selectFrom('workspaces').select('id').where('is_root', '=', 1)
  const id = named ?? (await first.executeTakeFirst())?.id
  if (id === undefined || !isId('wsp', id)) throw principalFaults['workspace-not-found']('There is no such workspace in this database.')
  const workspace = await requireWorkspace(services, id)
  if (workspace.status !== 'active') throw principalFaults['already-revoked']('This workspace was revoked, and that is final: nobody gets into it any more.')
  return id
}

/** An owner whose row was altered is passed over: nobody knows whose it is. */
async function longestActiveOwner({ storage, guard }: RecoveryServices, workspaceId: WorkspaceId): Promise<PrincipalRow | null> {
  const owners = await storage.reader<PrincipalsDatabase>().selectFrom('principals').select('id')
    .where('workspace_id', '=', workspaceId).where('role', '=', 'owner').where('status', '=', 'active').orderBy('created_at_ms').orderBy('id').execute()
  for (const { id } of owners) {
    const owner = await readGuarded(storage.reader<never>(), guard, principalTable, id)
    if (owner?.genuine === true && owner.row.role === 'owner' && owner.row.status === 'active') return checked(owner.row)
  }
  return null
}
