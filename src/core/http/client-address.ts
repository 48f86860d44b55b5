/**
 * The client's address: the socket's, or what a configured proxy says of it.
 *
 * @module
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { canonicalIp, cidrContains, parseCidr, parseIp, type Cidr } from '@claviger/verifier'
import { assert } from '#core/base/assert'

/** What stands for an address when the socket is gone already; it belongs to nobody (RFC 6890 §2.2.2). */
const unknownAddress = '0.0.0.0'
const withPort = /^(?:\[([0-9a-fA-F:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5})$/

/**
 * A function from a request to its client's canonical address.
 *
 * `X-Forwarded-For` counts only when the peer is a trusted proxy, and then the rightmost address that is not one itself:
 * everything left of it was written by whoever sent the request.
 *
 * @param trustedProxies CIDR blocks
 */
export function createClientAddress(trustedProxies: readonly string[]): (request: IncomingMessage) => string {
  const trusted = blocksOf(trustedProxies)
  /** An address stays the same as long as its socket, and is asked for with every request. */
  const peers = new WeakMap<Socket, string>()

  function peerOf(socket: Socket): string {
    const known = peers.get(socket)
    if (known !== undefined) return known
    const address = canonicalIp(socket.remoteAddress ?? '') ?? unknownAddress
    peers.set(socket, address)
    return address
  }

  if (trusted.length === 0) return ({ socket }) => peerOf(socket)
  return ({ socket, headers }) => {
    const peer = peerOf(socket)
    const forwarded = headers['x-forwarded-for']
    return forwarded !== undefined && isWithin(trusted, peer) ? forwardedClient(trusted, peer, String(forwarded)) : peer
  }
}

/** Whether an address is one of these proxies'. */
export function createProxyTest(trustedProxies: readonly string[]): (address: string) => boolean {
  const trusted = blocksOf(trustedProxies)
  return (address) => isWithin(trusted, address)
}

/** What counts as one address: an IPv4 address, or an IPv6 /64. */
export function networkOf(address: string): string {
  const words = parseIp(address)
  return words === null || words.length === 1 ? address : words.slice(0, 2).join('/')
}

function blocksOf(trustedProxies: readonly string[]): readonly Cidr[] {
  return trustedProxies.map((text) => {
    const block = parseCidr(text)
    assert(block !== null, 'H10: a trusted proxy is named by an address or CIDR block')
    return block
  })
}

function forwardedClient(trusted: readonly Cidr[], peer: string, header: string): string {
  let client = peer
  for (const text of header.split(',').reverse()) {
    const address = canonicalIp(withoutPort(text.trim()))
    // What a trusted proxy wrote is an address; where it is not, nobody to be believed wrote it.
    if (address === null) return client
    client = address
    if (!isWithin(trusted, client)) return client
  }
  return client
}

/** Some proxies add the port: `203.0.113.7:4711`, `[2001:db8::1]:4711`; IPv6 may stand in brackets without one, too. */
const withoutPort = (text: string): string => withPort.exec(text)?.slice(1).find((part) => part !== undefined) ?? text

function isWithin(blocks: readonly Cidr[], text: string): boolean {
  const address = parseIp(text)
  return address !== null && blocks.some((block) => cidrContains(block, address))
}
