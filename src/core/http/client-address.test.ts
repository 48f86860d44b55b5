import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import fc from 'fast-check'
import { createClientAddress } from './client-address.ts'
import { send, startServer } from './fixtures.ts'

/** As `createClientAddress` sees a request: its peer, and the header. */
function addressOf(trusted: readonly string[], peer: string | undefined, forwarded?: string): string {
  const request = { socket: { remoteAddress: peer }, headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded } }
  return createClientAddress(trusted)(request as unknown as IncomingMessage)
}

const proxies = ['10.0.0.0/8', '2001:db8:f::/48']

test('without trusted proxies the peer is the client, whatever a header says', () => {
  fc.assert(fc.property(fc.ipV4(), fc.string(), (peer, header) => {
    assert.equal(addressOf([], peer, header), peer)
  }))
})

test('a peer that is no trusted proxy is the client, whatever a header says', () => {
  assert.equal(addressOf(proxies, '203.0.113.1', '198.51.100.7'), '203.0.113.1')
})

const chains: readonly (readonly [what: string, peer: string, header: string, client: string])[] = [
  ['one proxy', '10.0.0.1', '198.51.100.7', '198.51.100.7'],
  ['two proxies', '10.0.0.1', '198.51.100.7, 10.0.0.2', '198.51.100.7'],
  ['a client that claims to be somebody else', '10.0.0.1', '192.0.2.99, 198.51.100.7', '198.51.100.7'],
  ['a client that claims to be a proxy', '10.0.0.1', '192.0.2.99, 10.9.9.9, 198.51.100.7', '198.51.100.7'],
  ['a client within the trusted network', '10.0.0.1', '10.0.0.77', '10.0.0.77'],
  ['spaces and tabs', '10.0.0.1', ' 198.51.100.7\t,10.0.0.2 ', '198.51.100.7'],
  ['IPv6', '2001:db8:f::1', '2001:DB8:0:0::7', '2001:db8::7'],
  ['IPv4 written as IPv6', '::ffff:10.0.0.1', '::ffff:198.51.100.7', '198.51.100.7'],
  ['a port', '10.0.0.1', '198.51.100.7:4711', '198.51.100.7'],
  ['IPv6 in brackets', '10.0.0.1', '[2001:db8::7]', '2001:db8::7'],
  ['IPv6 with a port', '10.0.0.1', '[2001:db8::7]:4711', '2001:db8::7'],
  ['nothing', '10.0.0.1', '', '10.0.0.1'],
  ['a name', '10.0.0.1', 'client.example', '10.0.0.1'],
  ['"unknown"', '10.0.0.1', 'unknown', '10.0.0.1'],
  ['garbage before an address', '10.0.0.1', '<script>, 198.51.100.7', '198.51.100.7'],
  ['garbage after an address, which a proxy would not write', '10.0.0.1', '198.51.100.7, garbage', '10.0.0.1'],
  ['an address with leading zeros', '10.0.0.1', '010.0.0.1', '10.0.0.1'],
  ['a zone', '10.0.0.1', 'fe80::1%eth0', '10.0.0.1'],
]
for (const [what, peer, header, client] of chains) {
  test(`forwarded by a trusted proxy, ${what}: the client is ${client}`, () => {
    assert.equal(addressOf(proxies, peer, header), client)
  })
}

test('whatever a client writes, what the trusted proxy adds behind it decides', () => {
  fc.assert(fc.property(fc.string(), (claim) => {
    assert.equal(addressOf(proxies, '10.0.0.1', `${claim},198.51.100.7`), '198.51.100.7')
  }))
})

test('a socket that is gone already has an address that belongs to nobody', () => {
  assert.equal(addressOf([], undefined), '0.0.0.0')
})

test('H10: a trusted proxy that is named by something else is refused at the start', () => {
  for (const block of ['proxy.example', '10.0.0.1/8', '10.0.0.0/33', '']) assert.throws(() => createClientAddress([block]), /H10/)
})

test('over a real connection the header counts from a trusted proxy only, joined when it stands there twice', async () => {
  for (const [trustedProxies, client] of [[[], '127.0.0.1'], [['127.0.0.1'], '198.51.100.7']] as const) {
    const things = await startServer({ trustedProxies })
    const { text } = await send(things.port, { path: '/v1/files/a', headers: { 'x-forwarded-for': '192.0.2.99, 198.51.100.7' } })
    assert.equal(text, `a for ${client}`)
    await things.close()
  }
})
