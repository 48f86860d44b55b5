import assert from 'node:assert/strict'
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalCidr, canonicalIp, cidrContains, parseCidr, parseIp } from './cidr.ts'

/** What reads like an address and mostly is none. */
const pieces = [
  '0', '1', '9', '25', '255', '256', 'a', 'F', 'ffff', '00', '12345', 'g', '1.2.3.4',
  '.', '.', ':', ':', '::', '%', ' ',
]
const nearly = fc.array(fc.constantFrom(...pieces), { maxLength: 18 }).map((parts) => parts.join(''))

const contains = (cidr: string, ip: string): boolean => cidrContains(parseCidr(cidr)!, parseIp(ip)!)

test('V6: every address that Node reads is read, and nothing else', () => {
  const known = (text: string): boolean => (isIPv4(text) || isIPv6(text)) && !text.includes('%')
  const texts = fc.oneof(fc.ipV4(), fc.ipV6(), nearly)
  fc.assert(fc.property(texts, (text) => assert.equal(parseIp(text) !== null, known(text), text)), { numRuns: 5_000 })
})

test('V6: ambiguous or foreign spellings are refused', () => {
  for (const text of [
    '', '1', '1.2.3', '1.2.3.4.5', '01.2.3.4', '1.2.3.04', '00.0.0.0', '0x1.2.3.4', '256.1.1.1', '1.2.3.4 ',
    ' 1.2.3.4', '1.2.3.4\n', '1..2.3', '.1.2.3', '1.2.3.', '1.2.3.-4', '1.2.3.+4', '１.2.3.4', 'fe80::1%eth0', '[::1]',
    '::1::', ':::', ':', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8::', '::1:2:3:4:5:6:7:8', '::12345',
    '::g', '1.2.3.4::', '::1.2.3.4:5', '::1.2.3', '::01.2.3.4', ':1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:',
    `::${'0'.repeat(60)}`, '1.2.3.4/32',
  ]) {
    assert.equal(parseIp(text), null, text)
  }
})

test('an address has one canonical spelling, which reads back as itself', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const canonical = canonicalIp(text)
      assert.ok(canonical !== null)
      assert.deepEqual(parseIp(canonical), parseIp(text))
      assert.equal(canonicalIp(canonical), canonical)
      assert.equal(canonicalIp(text.toUpperCase()), canonical)
    }),
  )
})

test('IPv6 is spelled as RFC 5952 §4 says', () => {
  for (const [text, canonical] of [
    ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'], ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'], ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'], ['::', '::'],
    ['0:0:0:0:0:0:0:1', '::1'], ['1::', '1::'], ['::0:1', '::1'], ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ] as const) {
    assert.equal(canonicalIp(text), canonical)
  }
  assert.equal(canonicalIp('300.1.1.1'), null)
})

test('V6: an IPv4-mapped address is the IPv4 address', () => {
  fc.assert(
    fc.property(fc.ipV4(), (text) => {
      assert.equal(canonicalIp(`::ffff:${text}`), text)
      assert.equal(canonicalIp(`0:0:0:0:0:FFFF:${text}`), text)
      assert.ok(contains(text, `::ffff:${text}`))
      assert.ok(contains(`::ffff:${text}`, text))
    }),
  )
  assert.equal(canonicalCidr('::ffff:10.0.0.0/104'), '10.0.0.0/8')
  assert.equal(canonicalCidr('::ffff:0:0/96'), '0.0.0.0/0')
  assert.equal(canonicalCidr('::ffff:0:0/95'), null)
  assert.equal(canonicalIp('::fffe:1.2.3.4'), '::fffe:102:304')
  assert.equal(canonicalIp('::1:ffff:1.2.3.4'), '::1:ffff:102:304')
})

test('V6: an IPv6 address that only ends like a mapped one is not that IPv4 address, and slips into no IPv4 block', () => {
  for (const text of ['2001:db8::ffff:192.0.2.1', '1::ffff:192.0.2.1', '::1:0:ffff:192.0.2.1']) {
    assert.equal(parseIp(text)?.length, 4, text)
    assert.equal(contains('192.0.2.0/24', text), false, text)
    assert.equal(parseCidr(text)?.prefixLength, 128, text)
  }
})

test('a plain address is the block of itself', () => {
  assert.equal(canonicalCidr('192.0.2.1'), '192.0.2.1/32')
  assert.equal(canonicalCidr('2001:DB8::1'), '2001:db8::1/128')
})

test('V6: a block with host bits, or a length that is none, is refused', () => {
  for (const text of [
    '10.0.0.1/8', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/08', '10.0.0.0/-1', '10.0.0.0/8/8', '10.0.0.0/ 8',
    '10.0.0.0/8 ', '10.0.0.0/1e1', '10.0.0.0/8.0', '10.0.0.0/255.0.0.0', '/8', '/', '10.0.0/8', '128.0.0.0/0',
    '0.0.0.1/31', '2001:db8::/129', '2001:db8::1/64', '::1/0', '2001:db8::/28', '::ffff:1.2.3.4/0',
    '10.0.0.0/0000008',
  ]) {
    assert.equal(parseCidr(text), null, text)
    assert.equal(canonicalCidr(text), null, text)
  }
})

const bits = (binary: string, version: 4 | 6): string => {
  const width = version === 4 ? 8 : 16
  const parts = binary.match(new RegExp(`.{${width}}`, 'g'))!.map((part) => Number.parseInt(part, 2))
  return version === 4 ? parts.join('.') : parts.map((part) => part.toString(16)).join(':')
}

test('a block contains exactly the addresses that begin with its bits', () => {
  const cases = fc.constantFrom<4 | 6>(4, 6).chain((version) => {
    const width = version === 4 ? 32 : 128
    const binary = fc.string({ unit: fc.constantFrom('0', '1'), minLength: width, maxLength: width })
    const upTo = fc.nat(width)
    const drawn = fc.record({ length: upTo, shared: upTo, network: binary, other: binary })
    return drawn.map((parts) => ({ ...parts, version, width }))
  })
  fc.assert(
    fc.property(cases, ({ version, width, length, shared, network, other }) => {
      const cidr = `${bits(network.slice(0, length).padEnd(width, '0'), version)}/${length}`
      const address = network.slice(0, shared) + other.slice(shared)
      fc.pre(parseIp(bits(address, version))?.length === width / 32 && parseCidr(cidr)?.network.length === width / 32)
      assert.equal(contains(cidr, bits(address, version)), address.startsWith(network.slice(0, length)))
    }),
    { numRuns: 2_000 },
  )
})

test('blocks contain what Node’s BlockList says they contain', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.ipV4(), fc.nat(32), (text, network, length) => {
      const address = canonicalIp(text)!
      const cidr = canonicalCidr(`${network}/32`)!.split('/')[0]!
      const octets = cidr.split('.').reduce((word, octet) => word * 256 + Number(octet), 0)
      const first = length === 0 ? 0 : ((octets >>> (32 - length)) << (32 - length)) >>> 0
      const block = bits(first.toString(2).padStart(32, '0'), 4)
      const list = new BlockList()
      list.addSubnet(block, length, 'ipv4')
      assert.equal(contains(`${block}/${length}`, text), list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6'))
    }),
  )
})

test('V6: a block of one family contains nothing of the other', () => {
  assert.equal(contains('0.0.0.0/0', '2001:db8::1'), false)
  assert.equal(contains('::/0', '192.0.2.1'), false)
  assert.equal(contains('::/0', '::ffff:192.0.2.1'), false)
})

test('a block is compared to its last bit, over word borders too', () => {
  assert.equal(contains('203.0.113.128/25', '203.0.113.127'), false)
  assert.equal(contains('203.0.113.128/25', '203.0.113.128'), true)
  assert.equal(contains('255.255.255.255/32', '255.255.255.254'), false)
  assert.equal(contains('2001:db8::/33', '2001:db8:7fff::'), true)
  assert.equal(contains('2001:db8::/33', '2001:db8:8000::'), false)
  assert.equal(contains('2001:db8::/32', '2001:db8:ffff::'), true)
})
