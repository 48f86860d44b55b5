import { networkOf } from './client-address.ts'

interface Bucket {
  readonly tokens: number
  readonly atMs: number
}

/** Addresses remembered at a time; the one that was refused longest ago is forgotten first. */
const addressesMax = 10_000

export interface CredentialThrottle {
  /**
   * Counts one refused credential of this address.
   *
   * @returns seconds to wait when there were too many, else 0
   */
  refused(address: string, nowMs: number): number
}

/**
 * A token bucket for each client address that presents credentials which are refused.
 *
 * It is asked after a refusal, never before authentication: a neighbour behind the same proxy whose credential is good
 * is not locked out by one whose is not. Of IPv6 a /64 is one address: whoever has one address there has all of them.
 */
export function createCredentialThrottle(burst: number, perS: number): CredentialThrottle {
  const buckets = new Map<string, Bucket>()
  return {
    refused(address, nowMs) {
      const network = networkOf(address)
      const bucket = buckets.get(network)
      const refilled = bucket === undefined ? burst : Math.min(burst, bucket.tokens + (Math.max(0, nowMs - bucket.atMs) / 1000) * perS)
      const isAllowed = refilled >= 1
      // Set anew, it stands last: the order of a map is the order of insertion.
      buckets.delete(network)
      buckets.set(network, { tokens: isAllowed ? refilled - 1 : refilled, atMs: nowMs })
      if (buckets.size > addressesMax) buckets.delete(buckets.keys().next().value ?? '')
      return isAllowed ? 0 : Math.ceil((1 - refilled) / perS)
    },
  }
}
