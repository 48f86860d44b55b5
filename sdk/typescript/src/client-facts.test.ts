import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalIp } from '@claviger/verifier'
import fc from 'fast-check'
import { addressOf, originOf } from './client-facts.ts'

test('addresses as sockets give them are passed on', () => {
  for (const address of ['203.0.113.7', '::1', '::ffff:203.0.113.7', '2001:db8::1', '2001:DB8::A']) assert.equal(addressOf(address), address)
  assert.equal(addressOf('fe80::1%eth0'), 'fe80::1')
})

test('what is no address counts as none', () => {
  const none = [undefined, null, '', 'unknown', '203.0.113', '203.0.113.07', '203.0.113.256', '203.0.113.7, 198.51.100.1', '203.0.113.7:80', '[::1]', ':::', '1::2::3', '::1]/x[', '%eth0', '::ffff:1.2.3']
  for (const text of none) assert.equal(addressOf(text), undefined, String(text))
})

test('whatever is passed on as an address, Claviger reads as one', () => {
  const texts = fc.oneof(fc.ipV4(), fc.ipV6(), fc.ipV4Extended(), fc.string(), fc.stringMatching(/^[0-9a-f:.]{1,40}$/))
  fc.assert(
    fc.property(texts, (text) => {
      const address = addressOf(text)
      if (address !== undefined) assert.notEqual(canonicalIp(address), null, address)
    }),
    { numRuns: 5_000 },
  )
})

test('every address that Claviger reads is passed on', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      if (canonicalIp(text) !== null) assert.equal(addressOf(text), text)
    }),
    { numRuns: 2_000 },
  )
})

test('an origin is passed on when a request names exactly one', () => {
  assert.equal(originOf(['https://app.example.com']), 'https://app.example.com')
  assert.equal(originOf(['http://localhost:3000']), 'http://localhost:3000')
  for (const values of [[], ['null'], ['https://a.example', 'https://b.example'], ['https://a.example, https://b.example'], ['https://a.example/'], ['moz-extension://x'], ['HTTPS://A.example'], ['']]) {
    assert.equal(originOf(values), undefined)
  }
})
