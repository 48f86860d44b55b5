/**
 * Peppers: what makes a stolen database worthless.
 *
 * A key's token is stored as HMAC-SHA-256 under its environment's pepper, a versioned value that only the key process
 * can derive; here it lives in memory as the state of the hash, for as long as the process does.
 */
import { createHmacSha256, type HmacSha256 } from '@claviger/verifier'
import { environmentKey, type Keyring } from '#core/keyring/keyring'

export interface Peppers {
  /** The hash under one environment's pepper, if it is in memory already. */
  known(environmentId: string, version: number): HmacSha256 | undefined
  load(workspaceId: string, environmentId: string, version: number): Promise<HmacSha256>
}

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
      hashes.set(id, hash)
      return hash
    },
  }
}
