import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '#core/base/fault'
import { canonicalJson, type JsonObject } from '#core/base/json'
import {
  change, checked, disable, enable, eraseKey, holderInFacts, keyDetails, keyFacts, presentKey, revoke, revokeAltered, statusAt, subjectOf,
} from './key.ts'
import { checkedStanding } from './standing.ts'
import { revocationReasons, type KeyRow } from './tables.ts'

const createdAtMs = Date.parse('2026-11-23T12:00Z')
const lifetimeMs = 1_000

const fresh: KeyRow = {
  id: 'key_0123456789ABCDEF', version: 1, workspace_id: 'wsp_0123456789ABCDEF', api_id: 'api_0123456789ABCDEF', environment_id: 'env_0123456789ABCDEF',
  consumer_id: null, principal_id: null, kind: 'bearer', name: 'bot', status: 'active', hash: Buffer.alloc(32, 1), pepper_version: 1,
  permissions: '["rpc:read"]', ip_ranges: '[]', origins: '[]', time_window: null, created_at_ms: createdAtMs, created_by: 'prn_0123456789ABCDEF',
  expires_at_ms: createdAtMs + lifetimeMs, revoked_at_ms: null, revocation_reason: null,
}

interface Step {
  readonly act: 'revoke' | 'disable' | 'enable' | 'change'
  readonly afterMs: number
}

const steps = fc.array(
  fc.record<Step>({ act: fc.constantFrom('revoke', 'disable', 'enable', 'change', 'disable', 'enable'), afterMs: fc.integer({ min: 0, max: 300 }) }),
  { maxLength: 12 },
)

const acts: Readonly<Record<Step['act'], (key: KeyRow, nowMs: number) => KeyRow>> = {
  revoke: (key, nowMs) => revoke(key, 'key-compromise', nowMs),
  disable: (key) => disable(key),
  enable,
  change: (key, nowMs) => change(key, { ...key, name: 'other', permissions: '["rpc:write"]' }, nowMs),
}

/** What each act wants to find; anything else is a fault. */
const allowed: Readonly<Record<Step['act'], readonly string[]>> = {
  revoke: ['active', 'disabled', 'expired'], disable: ['active', 'expired'], enable: ['disabled'], change: ['active', 'disabled'],
}

test('K3: revoked is final under any sequence of acts, and says when and why', () => {
  fc.assert(fc.property(steps, (sequence) => {
    let key = fresh
    let nowMs = createdAtMs
    let revoked: KeyRow | null = null
    for (const { act, afterMs } of sequence) {
      nowMs += afterMs
      const before = key
      const copy = { ...before, hash: Buffer.from(before.hash) }
      try {
        key = acts[act](before, nowMs)
        assert.equal(key.version, before.version + 1)
        if (act === 'revoke') revoked = key
      } catch (error) {
        assert.ok(error instanceof Fault, String(error))
      }
      assert.deepEqual(before, copy, 'a transition leaves what it was given alone')
      if (revoked !== null) assert.deepEqual(key, revoked)
    }
    assert.equal(key.status === 'revoked', revoked !== null)
  }))
})

test('each act is taken exactly where it is allowed, and refused with a fault elsewhere', () => {
  fc.assert(fc.property(steps, (sequence) => {
    let key = fresh
    let nowMs = createdAtMs
    for (const { act, afterMs } of sequence) {
      nowMs += afterMs
      const shown = statusAt(key, nowMs)
      const stored = key.status
      const may = allowed[act].includes(shown) && !(act === 'disable' && stored !== 'active')
      try {
        key = acts[act](key, nowMs)
        assert.ok(may, `${act} of a key that is ${shown}`)
      } catch (error) {
        assert.ok(error instanceof Fault && !may, `${act} of a key that is ${shown}: ${String(error)}`)
      }
    }
  }))
})

test('K3, K4, K2, K1: a row that breaks an invariant is not written', () => {
  const broken: Partial<KeyRow>[] = [
    { status: 'revoked' }, { revoked_at_ms: createdAtMs }, { expires_at_ms: createdAtMs }, { hash: Buffer.alloc(31) },
    { principal_id: 'prn_0123456789ABCDEF', consumer_id: 'con_0123456789ABCDEF' },
  ]
  for (const part of broken) assert.throws(() => checked({ ...fresh, ...part }), /invariant violated: K/)
})

test('K3: a row that keys stand under and that breaks it is not written either', () => {
  const row = { version: 1, status: 'active', revoked_at_ms: null, revocation_reason: null } as const
  assert.equal(checkedStanding(row), row)
  for (const part of [{ status: 'revoked' }, { revoked_at_ms: createdAtMs }] as const) {
    assert.throws(() => checkedStanding({ ...row, ...part }), /invariant violated: K3/)
  }
})

const bound: KeyRow = {
  ...fresh, consumer_id: 'con_0123456789ABCDEF', name: 'phone of Alice', ip_ranges: '["203.0.113.7/32","2001:db8::/32"]', origins: '["https://alice.example"]',
  time_window: '{"days":[1],"from":"08:00","to":"09:00"}',
}

test('K13: an erased key is revoked and says nothing of who held it; one that was revoked keeps when and why', () => {
  const empty = { name: '', ip_ranges: '[]', origins: '[]', time_window: null, version: 2, status: 'revoked' } as const
  assert.deepEqual(eraseKey(bound, createdAtMs + 5), { ...bound, ...empty, revoked_at_ms: createdAtMs + 5, revocation_reason: 'cessation-of-operation' })
  const before = revoke(bound, 'key-compromise', createdAtMs + 1)
  assert.deepEqual(eraseKey(before, createdAtMs + 5), { ...before, ...empty, version: 3 })
})

test('an entry says for ever how a key is bound and not to what: names, addresses, origins and hours are sealed for its holder', () => {
  const data = { name: bound.name, ipRanges: ['203.0.113.7/32', '2001:db8::/32'], origins: ['https://alice.example'], timeWindow: { days: [1], from: '08:00', to: '09:00' } }
  assert.deepEqual(keyFacts(bound)['restrictions'], { ipRanges: 2, origins: 1, timeWindow: true })
  assert.doesNotMatch(JSON.stringify(keyFacts(bound)), /Alice|alice|203\.|db8|08:00/)
  assert.deepEqual(keyDetails(bound), [{ subject: 'con_0123456789ABCDEF', data }])
  assert.deepEqual(keyFacts(fresh)['restrictions'], { ipRanges: 0, origins: 0, timeWindow: false })
  assert.deepEqual(keyDetails(fresh), [{ subject: fresh.environment_id, data: { name: 'bot', ipRanges: [], origins: [], timeWindow: null } }])
  const { ipRanges, origins, timeWindow } = presentKey(bound, null, createdAtMs, true)
  assert.deepEqual({ name: bound.name, ipRanges, origins, timeWindow }, data)
})

test('a key is about its consumer, its principal, or its environment', () => {
  const principal = 'prn_00000000000000AB'
  assert.deepEqual([bound, { ...fresh, principal_id: principal }, fresh].map(subjectOf), [bound.consumer_id, principal, fresh.environment_id])
})

test('a holder is found in the entries of its keys, and in none that it made as somebody\'s operator', () => {
  const id = 'prn_00000000000000AB'
  const text = (key: KeyRow, actor: JsonObject = { system: 'test' }) => canonicalJson({ actor, facts: keyFacts(key) })
  assert.ok(text(bound).includes(holderInFacts(['consumer_id', bound.consumer_id!])))
  assert.ok(text({ ...fresh, principal_id: id }).includes(holderInFacts(['principal_id', id])))
  assert.ok(!text(bound, { principal: id, key: 'key_0123456789ABCDEF', workspace: bound.workspace_id }).includes(holderInFacts(['principal_id', id])))
  assert.ok(!text({ ...bound, consumer_id: 'con_00000000000000AB' }).includes(holderInFacts(['consumer_id', bound.consumer_id!])))
})

test('a key that was only ever refused was never used', () => {
  const shown = (last: number) => presentKey(fresh, { last_used_at_ms: last, valid_count: last === 0 ? 0 : 3, denied_count: 2 }, createdAtMs, true)
  assert.deepEqual([shown(0).lastUsedAt, shown(0).uses], [null, { valid: 0, denied: 2 }])
  assert.deepEqual([shown(1).lastUsedAt, shown(1).uses], ['1970-01-01T00:00:00.001Z', { valid: 3, denied: 2 }])
})

test('a key is expired from its millisecond on, unless it is revoked', () => {
  const endMs = createdAtMs + lifetimeMs
  assert.deepEqual([statusAt(fresh, endMs - 1), statusAt(fresh, endMs)], ['active', 'expired'])
  assert.equal(statusAt(disable(fresh), endMs), 'expired')
  assert.equal(statusAt(revoke(fresh, 'superseded', createdAtMs), endMs), 'revoked')
})

test('K1: neither what is shown of a key nor what is said of it for ever has its hash', () => {
  const hash = Buffer.from(fresh.hash)
  const text = JSON.stringify([presentKey(fresh, null, createdAtMs, true), keyFacts(fresh)])
  for (const spelling of [hash.toString('hex'), hash.toString('base64url'), JSON.stringify([...hash])]) assert.ok(!text.includes(spelling))
})

const anything = fc.oneof(
  fc.string(), fc.integer(), fc.constant(null), fc.double(), fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom('[]', '{}', '["a"]', '[1]', 'active', 'revoked', 'x'.repeat(100_000), '\0', '\ud800', -1, 2 ** 60, 'prn_0123456789ABCDEF', 'con_0123456789ABCDEF'),
)

test('a row that was altered in any way can be shown and revoked, and the revoked one keeps every invariant', () => {
  const columns = Object.keys(fresh).filter((column) => column !== 'id' && column !== 'workspace_id') as (keyof KeyRow)[]
  fc.assert(fc.property(fc.dictionary(fc.constantFrom(...columns), anything), fc.constantFrom(...revocationReasons), (altered, reason) => {
    const row = { ...fresh, ...altered } as KeyRow
    const shown = presentKey(row, null, createdAtMs, false)
    assert.equal(shown.genuine, false)
    JSON.stringify(shown)
    const revoked = checked(revokeAltered(row, reason, createdAtMs))
    assert.deepEqual([revoked.status, revoked.revoked_at_ms, revoked.revocation_reason], ['revoked', createdAtMs, reason])
  }), { numRuns: 1_000 })
})
