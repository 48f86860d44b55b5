/**
 * Peppers: what makes a stolen database worthless.
 *
 * A key's token is stored as HMAC-SHA-256 under its environment's pepper, a versioned value that only the key process
 * can derive; here it lives in memory as the state of the hash, at most 10,000 of them. The one that was derived first
 * gives way to the next, and is derived again when it is wanted.
 */
import { createHmacSha256, type HmacSha256 } from '@claviger/verifier'
import { environmentKey, type Keyring } from '#core/keyring/keyring'

export interface Peppers {
  /** The hash under one environment's pepper, if it is in memory already. */
  known(environmentId: string, version: number): HmacSha256 | undefined
  load(workspaceId: string, environmentId: string, version: number): Promise<HmacSha256>
}

/** About 2 KB each. */
export const peppersMax = 10_000

export function createPeppers(keyring: Keyring): Peppers {
  const hashes = new Map<string, HmacSha256>()
  return {
    known: (environmentId, version) => hashes.get(`${environmentId}/${version}`),
    async load(workspaceId, environmentId, version) {
      const id = `${environmentId}/${version}`
      const known = hashes.get(id)
      if (known !== undefined) return known
      const pepper = await keyring.derive(environmentKey(workspaceId, environmentId), 'pepper/v1', version)
      const hash = createHmacSha256(pepper)
      pepper.fill(0)
      if (hashes.size >= peppersMax && !hashes.has(id)) hashes.delete(hashes.keys().next().value as string)
      hashes.set(id, hash)
      return hash
    },
  }
}
