import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseCidr } from './cidr.ts'
import { decide, type Restrictions, type Status, type VerificationRecord, type VerificationRequest } from './decide.ts'
import type { VerdictCode } from './verdict.ts'

const nowMs = Date.parse('2026-11-23T12:00Z')
const open: Restrictions = { permissions: new Set(['rpc:read', 'rpc:write']), ipRanges: [], origins: [], window: null }
const record: VerificationRecord = {
  keyId: 'key_0123456789ABCDEF',
  status: 'active',
  holderStatus: 'active',
  environmentStatus: 'active',
  apiStatus: 'active',
  workspaceStatus: 'active',
  expiresAtMs: nowMs + 1,
  environmentId: 'env_production',
  restrictions: open,
}
const request: VerificationRequest = { atMs: nowMs }

const codeOf = (changed: Partial<VerificationRecord>, asked: Partial<VerificationRequest> = {}): VerdictCode =>
  decide({ ...record, ...changed }, { ...request, ...asked }).code

const restricted = (restrictions: Partial<Restrictions>, asked: Partial<VerificationRequest> = {}): VerdictCode =>
  codeOf({ restrictions: { ...open, ...restrictions } }, asked)

const ranges = (...texts: string[]) => texts.map((text) => parseCidr(text)!)
const levels = ['status', 'holderStatus', 'environmentStatus', 'apiStatus', 'workspaceStatus'] as const

test('a good key is valid, and the answer is always the same object', () => {
  assert.deepEqual(decide(record, request), { valid: true, code: 'valid' })
  assert.equal(decide(record, request), decide({ ...record, expiresAtMs: null }, request))
})

test('a status that is not good refuses at every level', () => {
  for (const level of levels) {
    assert.equal(codeOf({ [level]: 'revoked' }), 'revoked')
    assert.equal(codeOf({ [level]: 'disabled' }), 'disabled')
    assert.equal(codeOf({ [level]: 'pending' }), 'pending')
  }
})

test('V3: the innermost status that is not good is the one that is told', () => {
  for (const [index, inner] of levels.entries()) {
    for (const outer of levels.slice(index + 1)) {
      assert.equal(codeOf({ [inner]: 'disabled', [outer]: 'revoked' }), 'disabled')
      assert.equal(codeOf({ [inner]: 'revoked', [outer]: 'disabled' }), 'revoked')
    }
  }
})

test('V4: an unknown status counts as revoked', () => {
  for (const level of levels) {
    for (const status of ['', 'ACTIVE', 'valid', undefined]) {
      assert.equal(codeOf({ [level]: status as Status }), 'revoked')
    }
  }
})

test('a retiring key is valid until it expires', () => {
  assert.equal(codeOf({ status: 'retiring' }), 'valid')
  assert.equal(codeOf({ status: 'retiring', expiresAtMs: nowMs }), 'expired')
})

test('a key is expired from its millisecond on', () => {
  assert.equal(codeOf({ expiresAtMs: nowMs + 1 }), 'valid')
  assert.equal(codeOf({ expiresAtMs: nowMs }), 'expired')
  assert.equal(codeOf({ expiresAtMs: nowMs - 1 }), 'expired')
  assert.equal(codeOf({ expiresAtMs: null }), 'valid')
})

test('V4: a time that is not a number is past every expiry', () => {
  assert.equal(codeOf({}, { atMs: Number.NaN }), 'expired')
  assert.equal(codeOf({ expiresAtMs: null }, { atMs: Number.NaN }), 'expired')
  assert.equal(codeOf({ expiresAtMs: Number.NaN }), 'expired')
})

test('a key verifies in its own environment only', () => {
  assert.equal(codeOf({}, { environmentId: 'env_production' }), 'valid')
  assert.equal(codeOf({}, { environmentId: 'env_test' }), 'wrong-environment')
  assert.equal(codeOf({}, { environmentId: '' }), 'wrong-environment')
})

test('a key bound to addresses is refused elsewhere, and where the address is not known', () => {
  const ipRanges = ranges('203.0.113.0/24', '2001:db8::/32')
  assert.equal(restricted({ ipRanges }), 'ip-required')
  assert.equal(restricted({ ipRanges }, { clientIp: '203.0.113.7' }), 'valid')
  assert.equal(restricted({ ipRanges }, { clientIp: '::ffff:203.0.113.7' }), 'valid')
  assert.equal(restricted({ ipRanges }, { clientIp: '2001:db8:1::1' }), 'valid')
  assert.equal(restricted({ ipRanges }, { clientIp: '203.0.114.7' }), 'ip-not-allowed')
  for (const clientIp of ['', 'unknown', '203.0.113.07', '203.0.113.7, 198.51.100.1']) {
    assert.equal(restricted({ ipRanges }, { clientIp }), 'ip-not-allowed')
  }
  assert.equal(restricted({}, { clientIp: '198.51.100.1' }), 'valid')
})

test('a key bound to origins is refused from others, compared character by character', () => {
  const origins = ['https://app.example.com', 'http://localhost:3000']
  assert.equal(restricted({ origins }), 'origin-required')
  assert.equal(restricted({ origins }, { origin: 'http://localhost:3000' }), 'valid')
  for (const origin of [
    '', 'null', 'https://app.example.com/', 'https://APP.example.com', 'http://app.example.com',
    'https://app.example.com.evil.example',
  ]) {
    assert.equal(restricted({ origins }, { origin }), 'origin-not-allowed')
  }
  assert.equal(restricted({}, { origin: 'https://any.example' }), 'valid')
})

test('a key with a time window is refused outside it', () => {
  assert.equal(restricted({ window: { days: [1], from: '11:00', to: '13:00' } }), 'valid')
  assert.equal(restricted({ window: { days: [2], from: '11:00', to: '13:00' } }), 'outside-window')
})

test('it must hold every permission of `all` and one of `any`', () => {
  const ask = (permissions: NonNullable<VerificationRequest['permissions']>) => codeOf({}, { permissions })
  assert.equal(ask({}), 'valid')
  assert.equal(ask({ all: [] }), 'valid')
  assert.equal(ask({ all: ['rpc:read', 'rpc:write'] }), 'valid')
  assert.equal(ask({ all: ['rpc:read', 'rpc:admin'] }), 'permission-denied')
  assert.equal(ask({ any: ['rpc:admin', 'rpc:write'] }), 'valid')
  assert.equal(ask({ any: ['rpc:admin'] }), 'permission-denied')
  assert.equal(ask({ any: [] }), 'permission-denied')
  assert.equal(ask({ all: ['rpc:read'], any: ['rpc:admin'] }), 'permission-denied')
  assert.equal(ask({ all: ['rpc:admin'], any: ['rpc:read'] }), 'permission-denied')
  assert.equal(ask({ all: ['rpc:read'], any: ['rpc:write'] }), 'valid')
})

/** One fault for each check, in the order in which they run. */
const faults: readonly {
  code: VerdictCode
  change?: Partial<VerificationRecord>
  restrict?: Partial<Restrictions>
  ask?: Partial<VerificationRequest>
}[] = [
  { code: 'pending', change: { status: 'pending' } },
  { code: 'revoked', change: { holderStatus: 'revoked' } },
  { code: 'disabled', change: { environmentStatus: 'disabled' } },
  { code: 'revoked', change: { apiStatus: 'revoked' } },
  { code: 'disabled', change: { workspaceStatus: 'disabled' } },
  { code: 'expired', change: { expiresAtMs: nowMs } },
  { code: 'wrong-environment', ask: { environmentId: 'env_test' } },
  { code: 'ip-not-allowed', restrict: { ipRanges: ranges('203.0.113.0/24') }, ask: { clientIp: '198.51.100.1' } },
  { code: 'origin-not-allowed', restrict: { origins: ['https://a.example'] }, ask: { origin: 'https://b.example' } },
  { code: 'outside-window', restrict: { window: { days: [7], from: '00:00', to: '01:00' } } },
  { code: 'permission-denied', ask: { permissions: { all: ['rpc:admin'] } } },
]

test('V3: of any faults together, the first in order is told', () => {
  fc.assert(
    fc.property(fc.subarray([...faults], { minLength: 1 }), (present) => {
      const restrictions = Object.assign({}, open, ...present.map((fault) => fault.restrict))
      const changes = present.map((fault) => fault.change)
      const changed: VerificationRecord = Object.assign({}, record, { restrictions }, ...changes)
      const asked: VerificationRequest = Object.assign({}, request, ...present.map((fault) => fault.ask))
      assert.deepEqual(decide(changed, asked), { valid: false, code: present[0]!.code })
    }),
    { numRuns: 500 },
  )
})

const statuses = fc.constantFrom<Status>('active', 'active', 'active', 'retiring', 'disabled', 'pending', 'revoked')
const names = ['a', 'b', 'c', 'd']
const records = fc.record<VerificationRecord>({
  keyId: fc.constant('key_0123456789ABCDEF'),
  status: statuses,
  holderStatus: statuses,
  environmentStatus: statuses,
  apiStatus: statuses,
  workspaceStatus: statuses,
  expiresAtMs: fc.constantFrom(null, nowMs - 1, nowMs, nowMs + 1, nowMs + 1),
  environmentId: fc.constantFrom('env_production', 'env_test'),
  restrictions: fc.record<Restrictions>({
    permissions: fc.subarray(names).map((held) => new Set(held)),
    ipRanges: fc.subarray(ranges('203.0.113.0/24', '198.51.100.0/24')),
    origins: fc.subarray(['https://a.example', 'https://b.example']),
    window: fc.constantFrom(null, { days: [1], from: '11:00', to: '13:00' }, { days: [2], from: '11:00', to: '13:00' }),
  }),
})
const requests: fc.Arbitrary<VerificationRequest> = fc.record(
  {
    atMs: fc.constantFrom(nowMs - 1, nowMs, nowMs + 1),
    environmentId: fc.constantFrom('env_production', 'env_test'),
    clientIp: fc.constantFrom('203.0.113.1', '198.51.100.1', '192.0.2.1'),
    origin: fc.constantFrom('https://a.example', 'https://b.example', 'null'),
    permissions: fc.record(
      { all: fc.subarray(names), any: fc.subarray(names, { minLength: 1 }) },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: ['atMs'] },
)

const withRestrictions = (before: VerificationRecord, changed: Partial<Restrictions>): VerificationRecord =>
  ({ ...before, restrictions: { ...before.restrictions, ...changed } })

/** Whatever was refused stays refused after the change. */
function neverWidens(change: (record: VerificationRecord) => VerificationRecord): void {
  fc.assert(
    fc.property(records, requests, (before, asked) => {
      if (!decide(before, asked).valid) assert.equal(decide(change(before), asked).valid, false)
    }),
    { numRuns: 2_000 },
  )
}

test('V5: taking a permission away never lets a refused request pass', () => {
  for (const name of names) {
    neverWidens((before) => {
      const permissions = new Set(before.restrictions.permissions)
      permissions.delete(name)
      return withRestrictions(before, { permissions })
    })
  }
})

test('V5: taking a range or an origin away, but the last, never lets a refused request pass', () => {
  const shortened = <Item>(list: readonly Item[]): readonly Item[] => (list.length > 1 ? list.slice(1) : list)
  neverWidens((before) => {
    const { ipRanges, origins } = before.restrictions
    return withRestrictions(before, { ipRanges: shortened(ipRanges), origins: shortened(origins) })
  })
})

test('V5: a revoked or disabled key, holder, environment, API or workspace refuses whatever else is so', () => {
  const refusing = fc.constantFrom<Status>('revoked', 'disabled')
  const changes = fc.record({ level: fc.constantFrom(...levels), status: refusing })
  fc.assert(
    fc.property(records, requests, changes, (before, asked, { level, status }) => {
      assert.equal(decide({ ...before, [level]: status }, asked).valid, false)
    }),
    { numRuns: 2_000 },
  )
})

test('V5: asking for more never lets a refused request pass', () => {
  fc.assert(
    fc.property(records, requests, fc.constantFrom(...names), (before, asked, name) => {
      const more = { ...asked, permissions: { ...asked.permissions, all: [...(asked.permissions?.all ?? []), name] } }
      if (!decide(before, asked).valid) assert.equal(decide(before, more).valid, false)
    }),
    { numRuns: 1_000 },
  )
})
