/**
 * Authority over credentials of the control plane, which are keys of the built-in API.
 *
 * Whoever takes one away, or gives one back, must hold all that it grants: otherwise a developer's stolen credential could
 * lock the owners out in the minutes in which they are needed. And no credential takes itself away, so that whoever
 * removes authority keeps it, and a workspace is never left without a way in.
 *
 * @module
 */
import { cidrContains, parseCidr } from '@claviger/verifier'
import { httpFaults } from '#core/http/faults'
import type { Call } from '#core/http/operation'
import type { Expectation } from '#core/storage/commit'
import { readGuarded } from '#core/storage/guarded-read'
import { keyFaults } from './faults.ts'
import { legibleKey } from './legible.ts'
import type { KeysServices } from './services.ts'
import { keyTable, type KeyRow } from './tables.ts'

/**
 * Whether a credential with the ranges `granted` counts from nowhere but where one with the ranges `own` does (P8).
 * Empty: from anywhere.
 */
export function isWithinRanges(own: readonly string[], granted: readonly string[]): boolean {
  if (own.length === 0) return true
  const bounds = own.map(parseCidr).filter((range) => range !== null)
  const isWithin = (text: string): boolean => {
    const range = parseCidr(text)
    return range !== null && bounds.some((bound) => bound.prefixLength <= range.prefixLength && cidrContains(bound, range.network))
  }
  return granted.length > 0 && granted.every(isWithin)
}

/**
 * Invariant K12: nobody takes or gives back a credential that grants more than they hold.
 *
 * @returns what the commit must expect; nothing for keys of customers
 *
 * @throws Fault keys/lacks-authority, keys/own-credential, http/unauthenticated
 */
export async function requireAuthorityOver(
  services: KeysServices, { caller }: Call, key: KeyRow, genuine: boolean, act: 'take' | 'give-back' = 'take',
): Promise<readonly Expectation[]> {
  const { id, principal_id: principalId } = genuine ? key : legibleKey(key)
  if (principalId === null) return []
  if (id === caller.keyId) throw keyFaults['own-credential']('Make another credential, and use that one to end this one.')
  const granted = await services.credentialGrants(principalId, genuine ? (JSON.parse(key.permissions) as string[]) : null)
  const missing = granted.difference(caller.permissions)
  if (missing.size > 0) {
    throw keyFaults['lacks-authority']('You can only take or give back credentials whose permissions you all hold.', { context: { missing: [...missing] } })
  }
  // Two callers who end each other's credentials at the same moment must not both succeed: the second to commit decides
  // again, and finds that its own is over.
  const own = await readGuarded(services.storage.reader<never>(), services.guard, keyTable, caller.keyId)
  if (own?.row.status !== 'active') throw httpFaults.unauthenticated('The credential was taken away while it was used.')
  if (act === 'give-back' && !isWithinRanges(JSON.parse(own.row.ip_ranges) as string[], JSON.parse(key.ip_ranges) as string[])) {
    throw keyFaults['lacks-authority']('Your own credential is bound to addresses: it gives back only such as are bound to them, too.')
  }
  return [{ table: keyTable, id: own.row.id, version: own.row.version }]
}
