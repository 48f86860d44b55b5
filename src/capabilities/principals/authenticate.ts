/**
 * Authentication: from a presented credential to the caller it stands for.
 *
 * The credential is verified like any key; what this room adds is whose it is and what that one may do. When this
 * process is the database's only writer, callers are kept in memory and dropped by the commits that change them.
 *
 * @module
 */
import { verdictOf } from '@claviger/verifier'
import type { Clock } from '#core/base/clock'
import { asId } from '#core/base/id'
import type { Caller } from '#core/http/operation'
import type { Authenticate } from '#core/http/ports'
import { httpFaults } from '#core/http/faults'
import { readGenuine } from '#core/storage/guarded-read'
import { keyTable, type UseRecorder, type Verification, type Verified } from '#cap/keys'
import { effectivePermissions } from './access.ts'
import { principalTable } from './principal.ts'
import type { PrincipalsServices } from './services.ts'

interface KnownCaller {
  readonly caller: Caller
  /** What the key granted when the caller was worked out; another object when the key changed. */
  readonly restrictions: object
}

const knownCallersMax = 10_000

export function createAuthenticate(
  services: PrincipalsServices & { verification: Verification; uses: UseRecorder; clock: Clock },
): Authenticate {
  const { storage, guard, access, verification, uses, clock } = services
  const known = new Map<string, KnownCaller>()
  /** Counts what made callers outdated, so that one read before is not kept after. */
  let changes = 0
  storage.onCommitted((commit) => {
    if (commit.writes.some((write) => write.table === principalTable)) forget()
  })
  storage.onForeignWrite(forget)

  function forget(): void {
    changes++
    known.clear()
  }

  return (credential, client) => {
    if (credential === null) throw httpFaults.unauthenticated('Send a credential: `Authorization: Bearer …`.')
    const atMs = clock.now()
    const verified = verification.verify(credential, { atMs, clientIp: client.clientIp })
    if (verified instanceof Promise) return verified.then((outcome) => callerOf(outcome, client.clientIp, atMs))
    return callerOf(verified, client.clientIp, atMs)
  }

  function callerOf(verified: Verified, clientIp: string, atMs: number): Caller | Promise<Caller> {
    const { record, environment, verdict } = verified
    if (record === null || environment === null || !environment.builtIn) throw refused()
    if (!verdict.valid) {
      recordUse(verified, '', clientIp, atMs)
      throw httpFaults.unauthenticated(`The credential is refused: ${verdict.code}.`, { context: { keyId: record.keyId } })
    }
    const entry = known.get(record.keyId)
    if (entry !== undefined && entry.restrictions === record.restrictions) {
      recordUse(verified, entry.caller.principalId, clientIp, atMs)
      return entry.caller
    }
    return load(verified, clientIp, atMs)
  }

  async function load(verified: Verified, clientIp: string, atMs: number): Promise<Caller> {
    const { record, environment } = verified
    if (record === null || environment === null) throw refused()
    const before = changes
    const key = await readGenuine(storage.reader<never>(), guard, keyTable, record.keyId)
    if (key === null || key.principal_id === null) throw refused()
    const principal = await readGenuine(storage.reader<never>(), guard, principalTable, key.principal_id)
    if (principal === null || principal.workspace_id !== environment.workspaceId) throw refused()
    if (principal.status !== 'active') {
      // Its holder proved to hold it, so the attempt is evidence (P5).
      recordUse({ ...verified, verdict: verdictOf(principal.status) }, principal.id, clientIp, atMs)
      throw refused()
    }
    // Invariant P2: what role and credential both grant.
    const caller: Caller = {
      workspaceId: asId('wsp', environment.workspaceId),
      principalId: asId('prn', principal.id),
      keyId: asId('key', record.keyId),
      permissions: effectivePermissions(access.permissionsOf(principal.role), record.restrictions.permissions),
    }
    if (storage.exclusive && before === changes) {
      if (known.size >= knownCallersMax) known.clear()
      known.set(record.keyId, { caller, restrictions: record.restrictions })
    }
    recordUse(verified, caller.principalId, clientIp, atMs)
    return caller
  }

  function recordUse({ record, environment, verdict }: Verified, principalId: string, clientIp: string, atMs: number): void {
    if (record === null || environment === null) return
    uses.controlPlane({
      workspaceId: environment.workspaceId, environmentId: environment.environmentId, keyId: record.keyId, consumerId: '',
      atMs, code: verdict.code, clientIp, permissions: '', verifierId: principalId, count: 1,
    })
  }
}

/** One refusal for whatever is wrong with a credential that did not prove itself. */
const refused = () => httpFaults.unauthenticated('The credential is not valid.')
