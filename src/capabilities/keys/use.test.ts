import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verdicts, type VerdictCode } from '@claviger/verifier'
import fc from 'fast-check'
import { readUses, useLine, type Use } from './use.ts'

const id = (prefix: string) => fc.stringMatching(/^[0-9A-Za-z]{16}$/).map((text) => `${prefix}_${text}`)
const uses = fc.array(fc.record<Use>({
  workspaceId: id('wsp'),
  environmentId: fc.oneof(fc.constant(''), id('env')),
  keyId: fc.oneof(fc.constant(''), id('key')),
  holderId: fc.oneof(fc.constant(''), id('con'), id('prn')),
  atMs: fc.nat(Date.UTC(9999, 11, 31)),
  code: fc.constantFrom<VerdictCode>('valid', ...(Object.keys(verdicts) as VerdictCode[])),
  clientIp: fc.oneof(fc.constant(''), fc.ipV4(), fc.constant('2001:db8::1')),
  permissions: fc.constantFrom('', 'rpc:read', 'rpc:read,rpc:write'),
  verifierId: fc.oneof(fc.constant(''), id('prn')),
  count: fc.integer({ min: 1, max: 999_999_999 }),
}, { noNullPrototype: true }), { maxLength: 20 })

const bytesOf = (list: readonly Use[]): Buffer => Buffer.from(list.map(useLine).join(''), 'latin1')

test('uses are read back as they were written', () => {
  fc.assert(fc.property(uses, (list) => assert.deepEqual(readUses(bytesOf(list)), list)))
})

test('bytes that are not whole lines of ours are refused, and never throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    const read = readUses(bytes)
    if (read !== null) assert.deepEqual(Buffer.from(bytes), bytesOf(read))
  }))
  fc.assert(fc.property(uses.filter((list) => list.length > 0), fc.nat(), (list, cut) => {
    const bytes = bytesOf(list)
    const at = cut % (bytes.length - 1)
    const short = readUses(bytes.subarray(0, at + 1))
    // Cut at the end of a line it is the lines before; anywhere else it is nothing.
    if (bytes[at] === 0x0a) assert.deepEqual(short, list.slice(0, short?.length))
    else assert.equal(short, null)
  }))
})
