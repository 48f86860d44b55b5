import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verdicts, type VerdictCode } from '@claviger/verifier'
import fc from 'fast-check'
import { lastMs } from '#core/base/clock'
import { inlineOffload } from '#core/jobs/offload'
import { readUses, useLine, type Use } from './use.ts'
import { gatherUses } from './use-gathering.ts'

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

const one: Use = {
  workspaceId: 'wsp_0123456789abcdef', environmentId: 'env_0123456789abcdef', keyId: 'key_0123456789abcdef', holderId: 'con_0123456789abcdef', atMs: 1_000,
  code: 'valid', clientIp: '203.0.113.7', permissions: 'rpc:read', verifierId: 'prn_0123456789abcdef', count: 1,
}

test('a line with a field too many or too few, or one that is not spelt as ours, is refused', () => {
  const fields = useLine(one).trimEnd().split('\t')
  const read = (...changed: readonly string[]) => readUses(Buffer.from(`${changed.join('\t')}\n`, 'latin1'))
  assert.deepEqual(read(...fields), [one])
  assert.equal(read(...fields, ''), null)
  for (let at = 0; at < fields.length; at++) assert.equal(read(...fields.toSpliced(at, 1)), null)
  const wrong: readonly (readonly string[])[] = [
    ['', 'wsp_1', 'env_0123456789abcdef'], ['env_1', 'wsp_0123456789abcdef'], ['key_1', 'con_0123456789abcdef'], ['con_1', 'key_0123456789abcdef', 'prn_'],
    ['', '-1', '1.5', '1e3', '0x10', ' 1', '1 ', '007', '١', String(lastMs + 1), '99999999999999999'], ['', 'ok', 'VALID', 'toString'], [], [], [],
    ['', '0', '-1', '01', '1 ', ' 1', '1e3', '1.5', '1000000000'],
  ]
  for (const [at, texts] of wrong.entries()) {
    for (const text of texts) assert.equal(read(...fields.with(at, text)), null, `${at}: ${text}`)
  }
  assert.equal(read(...fields.with(4, String(lastMs)))?.[0]?.atMs, lastMs)
  assert.equal(read(...fields.with(4, '0'))?.[0]?.atMs, 0)
})

test('uses are gathered by environment and by holder, and counted, with those that no key was proven for told apart', async () => {
  const unproven: Use = { ...one, environmentId: '', keyId: '', holderId: '', code: 'not-found', atMs: 5_000, count: 3 }
  const list: Use[] = [
    one, { ...one, atMs: 3_000, count: 2 }, { ...one, code: 'expired', atMs: 9_000, count: 4 }, { ...one, keyId: 'key_0000000000000000', holderId: '', code: 'revoked', atMs: 500 }, unproven,
  ]
  const batches = [bytesOf(list.slice(0, 2)), Buffer.from('what somebody wrote'), Buffer.alloc(0), bytesOf(list.slice(2))]
  const { areReadable, groups, usage } = await inlineOffload.run(gatherUses, batches.map((batch) => new Uint8Array(batch)))
  assert.deepEqual(areReadable, [true, false, false, true], 'nothing is no batch of ours')
  const { workspaceId, environmentId, holderId } = one
  assert.deepEqual(groups, [
    { workspaceId, environmentId, fromMs: 500, toMs: 9_000, count: 8, denied: 5, sections: [
      { subject: holderId, text: list.slice(0, 3).map(useLine).join('') }, { subject: environmentId, text: useLine(list[3]!) },
    ] },
    { workspaceId, environmentId: '', fromMs: 5_000, toMs: 5_000, count: 3, denied: 3, sections: [{ subject: workspaceId, text: useLine(unproven) }] },
  ])
  assert.deepEqual(usage, [
    { id: 'key_0000000000000000', version: 1, last_used_at_ms: 0, valid_count: 0, denied_count: 1 },
    { id: one.keyId, version: 1, last_used_at_ms: 3_000, valid_count: 3, denied_count: 4 },
  ])
})
