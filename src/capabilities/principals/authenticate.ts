/**
 * Authentication: from a presented credential to the caller it stands for.
 *
 * The credential is verified like any key; what this room adds is whose it is and what that one may do. When this
 * process is the database's only writer, callers are kept in memory and dropped by the commits that change them.
 *
 * Invariant P6: a caller carries the versions of the credential, the principal and the workspace that it was authenticated
 * by, and what it writes is committed only while all of them still stand at them.
 *
 * @module
 */
import { verdictOf } from '@claviger/verifier'
import type { Clock } from '#core/base/clock'
import { asId } from '#core/base/id'
import type { Caller } from '#core/http/operation'
import type { Authenticate } from '#core/http/ports'
import { httpFaults } from '#core/http/faults'
import type { RowWrite } from '#core/storage/commit'
import { readGenuine, readGuarded } from '#core/storage/guarded-read'
import type { Storage } from '#core/storage/storage'
import { keyTable, workspaceTable, type KeyRow, type UseRecorder, type Verification, type Verified } from '#cap/keys'
import { effectivePermissions } from './access.ts'
import { principalTable } from './principal.ts'
import type { PrincipalsServices } from './services.ts'

interface KnownCaller {
  readonly caller: Caller
  /** What the key granted when the caller was worked out; another object when the key changed. */
  readonly restrictions: object
}

/** One presentation of a credential. */
interface Presented {
  readonly clientIp: string
  readonly atMs: number
  /** By a request that presented it before. */
  readonly again: boolean
}

const knownCallersMax = 10_000

export function createAuthenticate(
  services: PrincipalsServices & { storage: Storage; verification: Verification; uses: UseRecorder; clock: Clock },
): Authenticate {
  const { storage, guard, access, verification, uses, clock } = services
  const known = new Map<string, KnownCaller>()
  /** Counts what made callers outdated, so that one read before is not kept after. */
  let changes = 0
  storage.onCommitted((commit) => {
    if (commit.writes.some(changesCallers)) forget()
  })
  storage.onForeignWrite(forget)
  guard.onDistrust(forget)

  function forget(): void {
    changes++
    known.clear()
  }

  return (credential, client, again = false) => {
    if (credential === null) throw httpFaults.unauthenticated('Send a credential: `Authorization: Bearer …`.')
    const presented: Presented = { clientIp: client.clientIp, atMs: clock.now(), again }
    const verified = verification.verify(credential, presented)
    if (verified instanceof Promise) return verified.then((outcome) => callerOf(outcome, presented))
    return callerOf(verified, presented)
  }

  function callerOf(verified: Verified, presented: Presented): Caller | Promise<Caller> {
    const { record, environment, verdict } = verified
    if (record === null || environment === null || !environment.builtIn) throw refused()
    if (!verdict.valid) {
      return refuseProven(verified, presented)
    }
    const entry = known.get(record.keyId)
    if (entry !== undefined && entry.restrictions === record.restrictions) {
      recordUse(verified, entry.caller.principalId, presented)
      return entry.caller
    }
    return load(verified, presented)
  }

  /** Whoever presents it has proven to hold it, so the attempt is recorded, as its principal's. */
  async function refuseProven(verified: Verified, presented: Presented): Promise<never> {
    const { record, verdict } = verified
    if (record === null) throw refused()
    const key = await readGuarded(storage.reader<never>(), guard, keyTable, record.keyId).catch(() => null)
    const principalId = key?.genuine === true ? key.row.principal_id : null
    // An address that could not be erased with the principal is not kept.
    recordUse(verified, principalId ?? '', principalId === null ? { ...presented, clientIp: '' } : presented)
    throw httpFaults.unauthenticated(`The credential is refused: ${verdict.code}.`, { context: { keyId: record.keyId } })
  }

  async function load(verified: Verified, presented: Presented): Promise<Caller> {
    const { record, environment } = verified
    if (record === null || environment === null) throw refused()
    const before = changes
    const key = await readGenuine(storage.reader<never>(), guard, keyTable, record.keyId)
    if (key === null || key.principal_id === null) throw refused()
    const principal = await readGenuine(storage.reader<never>(), guard, principalTable, key.principal_id)
    if (principal === null || principal.workspace_id !== environment.workspaceId) throw refused()
    const workspace = await readGenuine(storage.reader<never>(), guard, workspaceTable, environment.workspaceId)
    if (workspace === null || workspace.status !== 'active') throw refused()
    // The key was good a moment ago; it is this version of it that counts from now on.
    const status = key.status === 'active' ? principal.status : key.status
    if (status !== 'active') {
      // Its holder proved to hold it, so the attempt is evidence (P5).
      recordUse({ ...verified, verdict: verdictOf(status) }, principal.id, presented)
      throw refused()
    }
    // Invariant P2: what role and credential both grant.
    const caller: Caller = {
      workspaceId: asId('wsp', environment.workspaceId),
      principalId: asId('prn', principal.id),
      keyId: asId('key', record.keyId),
      permissions: effectivePermissions(access.permissionsOf(principal.role), record.restrictions.permissions),
      expects: [
        { table: keyTable, id: key.id, version: key.version },
        { table: principalTable, id: principal.id, version: principal.version },
        { table: workspaceTable, id: workspace.id, version: workspace.version },
      ],
    }
    if (storage.exclusive && before === changes) {
      if (known.size >= knownCallersMax) known.clear()
      known.set(record.keyId, { caller, restrictions: record.restrictions })
    }
    recordUse(verified, caller.principalId, presented)
    return caller
  }

  function recordUse({ record, environment, verdict }: Verified, principalId: string, { clientIp, atMs, again }: Presented): void {
    if (record === null || environment === null || again) return
    uses.controlPlane({
      workspaceId: environment.workspaceId, environmentId: environment.environmentId, keyId: record.keyId, holderId: principalId,
      atMs, code: verdict.code, clientIp, permissions: '', verifierId: principalId, count: 1,
    })
  }
}

/** Whether it outdates a caller: a principal's or workspace's row does, and a credential's that was there before; a customer's key does not. */
const changesCallers = (write: RowWrite): boolean =>
  write.table === principalTable || write.table === workspaceTable || (write.table === keyTable && (write.kind === 'delete' || (write.kind === 'update' && (write.row as KeyRow).principal_id !== null)))

/** One refusal for whatever is wrong with a credential that did not prove itself. */
const refused = () => httpFaults.unauthenticated('The credential is not valid.')
