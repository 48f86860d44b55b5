import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { unsafeSeededRandom } from '#core/crypto/random'
import type { KeyRow, KeyStatus } from './tables.ts'
import { environmentStatesMax, VerificationIndex } from './verification-index.ts'
import type { EnvironmentState } from './verification-loader.ts'

const random = unsafeSeededRandom('index')
const ids = Array.from({ length: 40 }, () => random.base62(16))

const rowOf = (publicId: string, more: Partial<KeyRow> = {}): KeyRow => ({
  id: `key_${publicId}`, version: 1, workspace_id: 'wsp_0123456789ABCDEF', api_id: 'api_0123456789ABCDEF', environment_id: 'env_0123456789ABCDEF',
  consumer_id: null, principal_id: null, kind: 'bearer', name: '', status: 'active', hash: Buffer.from(publicId.padEnd(32, '.'), 'latin1'), pepper_version: 1,
  permissions: '["rpc:read"]', ip_ranges: '[]', origins: '[]', time_window: null, created_at_ms: 0, created_by: 'prn_0123456789ABCDEF',
  expires_at_ms: 1, revoked_at_ms: null, revocation_reason: null, ...more,
})

const state: EnvironmentState = {
  environmentId: 'env_0123456789ABCDEF', apiId: 'api_0123456789ABCDEF', workspaceId: 'wsp_0123456789ABCDEF', kind: 'production', environmentStatus: 'active',
  apiStatus: 'active', workspaceStatus: 'active', recording: 'relaxed', builtIn: false, pepperVersion: 1,
}

const puts = fc.array(fc.oneof(
  { weight: 5, arbitrary: fc.record({ act: fc.constant('put' as const), id: fc.constantFrom(...ids), status: fc.constantFrom<KeyStatus>('active', 'disabled', 'revoked'), permission: fc.nat(5), consumer: fc.option(fc.constantFrom(...ids)), expiresAtMs: fc.nat(), pepper: fc.integer({ min: 1, max: 65_535 }) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('remove' as const), id: fc.constantFrom(...ids) }) },
  { weight: 1, arbitrary: fc.constant({ act: 'clear' as const }) },
), { maxLength: 120 })

test('an index holds what a map would', () => {
  fc.assert(fc.property(puts, (sequence) => {
    const index = new VerificationIndex()
    const model = new Map<string, KeyRow>()
    for (const step of sequence) {
      if (step.act === 'clear') {
        index.clear()
        model.clear()
      } else if (step.act === 'remove') {
        index.remove(step.id)
        model.delete(step.id)
      } else {
        const { id, status, permission, consumer, expiresAtMs, pepper } = step
        const row = rowOf(id, { status, permissions: `["p${permission}"]`, expires_at_ms: expiresAtMs, pepper_version: pepper, consumer_id: consumer === null ? null : `con_${consumer}` })
        assert.equal(index.put({ row, holderStatus: 'active' }), true)
        model.set(id, row)
      }
    }
    for (const id of ids) {
      const slot = index.find(id)
      const row = model.get(id)
      assert.equal(slot === -1, row === undefined)
      if (row === undefined) continue
      assert.deepEqual(
        [index.statusOf(slot), index.holderStatusOf(slot), index.consumerIdOf(slot), index.expiresAtMsOf(slot), index.pepperVersionOf(slot), [...index.restrictionsOf(slot).permissions]],
        [row.status, 'active', row.consumer_id, row.expires_at_ms, row.pepper_version, JSON.parse(row.permissions)],
      )
      const at = index.hashOffsetOf(slot)
      assert.deepEqual(index.hashesOf(slot).subarray(at, at + 32), Buffer.from(row.hash))
    }
  }), { numRuns: 200 })
})

test('thirty thousand keys in growing segments are each found, and no other', () => {
  const index = new VerificationIndex()
  const all = Array.from({ length: 30_000 }, () => random.base62(16))
  for (const id of all) index.put({ row: rowOf(id), holderStatus: 'active' })
  for (const id of all) {
    const slot = index.find(id)
    const at = index.hashOffsetOf(slot)
    assert.equal(index.hashesOf(slot).latin1Slice(at, at + 16), id)
  }
  for (let absent = 0; absent < 10_000; absent++) assert.equal(index.find(random.base62(16)), -1)
})

test('restrictions that no key has any more make room for others; what does not fit is not in memory', () => {
  const index = new VerificationIndex()
  const put = (id: string, text: string): boolean => index.put({ row: rowOf(id, { permissions: JSON.stringify([text]) }), holderStatus: 'active' })
  // Sixteen million characters fit; each of these takes a million.
  const long = (nth: number): string => String(nth).padEnd(1024 * 1024 - 100, 'x')
  for (let nth = 0; nth < 16; nth++) assert.equal(put(ids[nth] as string, long(nth)), true)
  assert.equal(put(ids[16] as string, long(16)), false)
  assert.equal(index.find(ids[16] as string), -1)
  // A key that changes to what does not fit is not left as it was.
  assert.equal(put(ids[0] as string, long(17)), false)
  assert.equal(index.find(ids[0] as string), -1)
  assert.equal(put(ids[16] as string, long(16)), true)
  index.remove(ids[1] as string)
  assert.equal(put(ids[0] as string, long(17)), true)
})

test('one set of restrictions is one object for all keys that have it, and another after it changed', () => {
  const index = new VerificationIndex()
  const [one, two] = ids as [string, string]
  for (const id of [one, two]) index.put({ row: rowOf(id), holderStatus: 'active' })
  const shared = index.restrictionsOf(index.find(one))
  assert.equal(index.restrictionsOf(index.find(two)), shared)
  index.put({ row: rowOf(one, { permissions: '["rpc:write"]' }), holderStatus: 'active' })
  assert.notEqual(index.restrictionsOf(index.find(one)), shared)
  assert.equal(index.restrictionsOf(index.find(two)), shared)
})

test('K7: a revoked consumer counts for keys that were put before and after', () => {
  const index = new VerificationIndex()
  const [before, after, other] = ids as [string, string, string]
  const consumer_id = 'con_0123456789ABCDEF'
  index.put({ row: rowOf(before, { consumer_id }), holderStatus: 'active' })
  index.setHolderStatus(consumer_id, 'revoked')
  index.put({ row: rowOf(after, { consumer_id }), holderStatus: 'active' })
  index.put({ row: rowOf(other, { consumer_id: 'con_1111111111111111' }), holderStatus: 'active' })
  assert.deepEqual([before, after, other].map((id) => index.holderStatusOf(index.find(id))), ['revoked', 'revoked', 'active'])
})

test('what is not known of a status is refused', () => {
  const index = new VerificationIndex()
  const [id] = ids as [string]
  index.put({ row: rowOf(id, { status: 'whatever' as KeyStatus }), holderStatus: 'whatever' as 'active' })
  assert.deepEqual([index.statusOf(index.find(id)), index.holderStatusOf(index.find(id))], ['revoked', 'revoked'])
})

test('an environment is forgotten with what changed above it, and no other is', () => {
  const index = new VerificationIndex()
  const [one, two] = ids as [string, string]
  const second = { ...state, environmentId: 'env_1111111111111111', apiId: 'api_1111111111111111' }
  index.put({ row: rowOf(one), holderStatus: 'active' })
  index.put({ row: rowOf(two, { environment_id: second.environmentId }), holderStatus: 'active' })
  index.setEnvironment(state)
  index.setEnvironment(second)
  index.forgetEnvironments(({ apiId }) => apiId === state.apiId)
  assert.deepEqual([index.environmentOf(index.find(one)), index.environmentOf(index.find(two))], [null, second])
})

const inEnvironment = (nth: number): EnvironmentState => ({ ...state, environmentId: `env_${String(nth).padStart(16, '0')}` })

test('at most 10,000 environments are in memory: the oldest gives way, until it is read again', () => {
  assert.equal(environmentStatesMax, 10_000)
  const index = new VerificationIndex()
  const all = Array.from({ length: environmentStatesMax + 1 }, () => random.base62(16))
  const held = (nth: number) => index.environmentOf(index.find(all[nth] as string))
  for (const [nth, id] of all.entries()) {
    assert.equal(index.put({ row: rowOf(id, { environment_id: inEnvironment(nth).environmentId }), holderStatus: 'active' }), true)
    index.setEnvironment(inEnvironment(nth))
  }
  assert.deepEqual([held(0), held(1), held(environmentStatesMax)], [null, inEnvironment(1), inEnvironment(environmentStatesMax)])
  // A change of one that is held pushes no other out.
  index.setEnvironment({ ...inEnvironment(2), environmentStatus: 'revoked' })
  assert.deepEqual([held(1), held(2)?.environmentStatus], [inEnvironment(1), 'revoked'])
  index.setEnvironment(inEnvironment(0))
  assert.deepEqual([held(0), held(1)], [inEnvironment(0), null])
})

test('an environment is held for keys that are in memory, and lets go of its place with the last of them', () => {
  const index = new VerificationIndex()
  const [one, two, three] = ids as [string, string, string]
  const put = (id: string, nth: number) => index.put({ row: rowOf(id, { environment_id: inEnvironment(nth).environmentId }), holderStatus: 'active' })
  const held = (id: string) => index.environmentOf(index.find(id))
  put(one, 1)
  index.setEnvironment(inEnvironment(1))
  index.setEnvironment(inEnvironment(2))
  put(two, 2)
  assert.deepEqual([held(one), held(two)], [inEnvironment(1), null], 'nobody had asked for the second')
  put(three, 1)
  index.remove(one)
  assert.deepEqual(held(three), inEnvironment(1))
  // The key is put again as it is: it keeps its environment all the while.
  put(three, 1)
  assert.deepEqual(held(three), inEnvironment(1))
  index.remove(three)
  put(one, 3)
  assert.equal(held(one), null, 'whoever takes the place starts without a state')
  put(three, 1)
  assert.equal(held(three), null)
  index.setEnvironment(inEnvironment(3))
  assert.deepEqual([held(one), held(two), held(three)], [inEnvironment(3), null, null])
})

test('an index that is emptied knows nothing of before: no key, no state, and nobody who was revoked', () => {
  const index = new VerificationIndex()
  const [id, consumer] = ids as [string, string]
  const key = { row: rowOf(id, { consumer_id: `con_${consumer}` }), holderStatus: 'active' as const }
  index.put(key)
  index.setEnvironment(state)
  index.setHolderStatus(`con_${consumer}`, 'revoked')
  index.clear()
  assert.deepEqual([index.size, index.find(id), index.holderChanges], [0, -1, 0])
  index.setEnvironment(state)
  index.put(key)
  const slot = index.find(id)
  assert.deepEqual([index.environmentOf(slot), index.holderStatusOf(slot)], [null, 'active'])
})
