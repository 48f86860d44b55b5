import type { Socket } from 'node:net'
import { canonicalIp } from '@claviger/verifier'
import { networkOf } from './client-address.ts'

/** Open connections by address. Of IPv6 a /64 is one address: whoever has one address there has all of them. */
export interface ConnectionCounts {
  /** Counts a connection until it closes. False, and not counted, when its address has as many as it may. */
  admit(socket: Socket): boolean
}

/** @param isUncounted whom the bound is not for: behind a trusted proxy are many */
export function createConnectionCounts(perAddressMax: number, isUncounted: (address: string) => boolean): ConnectionCounts {
  /** Only of addresses that have any, so there are never more than connections. */
  const counts = new Map<string, number>()

  function leave(network: string): void {
    const count = (counts.get(network) ?? 0) - 1
    if (count > 0) counts.set(network, count)
    else counts.delete(network)
  }

  return {
    admit(socket) {
      const address = canonicalIp(socket.remoteAddress ?? '')
      // Without an address it is gone already.
      if (address === null || isUncounted(address)) return true
      const network = networkOf(address)
      const count = counts.get(network) ?? 0
      if (count >= perAddressMax) return false
      counts.set(network, count + 1)
      socket.once('close', () => leave(network))
      return true
    },
  }
}
