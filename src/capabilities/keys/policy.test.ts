import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '#core/base/fault'
import { chosenPermissions, type Permission } from './permission.ts'
import { dayMs, defaultPolicies, lifetimeDaysMax, longestLifetimeMs, requirePolicy, type KeyTerms, type Policy } from './policy.ts'

const catalogue: readonly Permission[] = [
  { name: 'rpc:admin', access: 'dangerous', description: '' },
  { name: 'rpc:read', access: 'read', description: '' },
  { name: 'rpc:write', access: 'write', description: '' },
]

const policies = fc.record<Policy>({
  maxLifetimeDays: fc.integer({ min: 1, max: lifetimeDaysMax }),
  requireIpRanges: fc.boolean(),
  maxUnrestrictedDangerousDays: fc.integer({ min: 1, max: lifetimeDaysMax }),
})
const restricting = [['203.0.113.0/24'], ['10.0.0.0/8', '2001:db8::/32', '10.1.0.0/16'], ['64.0.0.0/4', '128.0.0.0/5'], ['2000::/4'], ['2001:db8::1/128', '0.0.0.0/4']]
/** Everything, in one block or in many, of one kind of address or the other. */
const everywhere = [[], ['0.0.0.0/0'], ['::/0'], ['10.0.0.0/8', '::/0'], ['0.0.0.0/1', '128.0.0.0/1'], ['2000::/3'], ['2000::/4', '3000::/4'], ['64.0.0.0/4', '80.0.0.0/5', '88.0.0.0/5', '88.1.0.0/16']]
const terms = fc.record<KeyTerms>({
  createdAtMs: fc.constant(0),
  expiresAtMs: fc.integer({ min: 1, max: 2 * lifetimeDaysMax }).chain((days) => fc.constantFrom(days * dayMs - 1, days * dayMs, days * dayMs + 1)),
  ipRanges: fc.constantFrom(...restricting, ...everywhere),
  permissions: fc.subarray([...catalogue]),
})

const refusalOf = (policy: Policy, wanted: KeyTerms): Fault | null => {
  try {
    requirePolicy(policy, wanted)
    return null
  } catch (error) {
    assert.ok(error instanceof Fault)
    return error
  }
}

test('K9: a refusal names exactly the rules that are broken', () => {
  fc.assert(fc.property(policies, terms, (policy, wanted) => {
    const days = wanted.expiresAtMs / dayMs
    const anywhere = everywhere.includes(wanted.ipRanges as string[])
    const broken = [
      ...(days > policy.maxLifetimeDays ? ['max-lifetime'] : []),
      ...(anywhere && wanted.permissions.some((permission) => permission.access === 'dangerous') && days > policy.maxUnrestrictedDangerousDays ? ['max-unrestricted-dangerous'] : []),
      ...(anywhere && policy.requireIpRanges ? ['require-ip-ranges'] : []),
    ]
    const named = refusalOf(policy, wanted)?.errors.map((error) => error.detail.split(':')[0]) ?? []
    assert.deepEqual(named, broken)
  }), { numRuns: 2_000 })
})

test('a key that does not say when it expires gets what its policy allows, and breaks no lifetime rule', () => {
  fc.assert(fc.property(policies, terms, (policy, wanted) => {
    const longest = longestLifetimeMs(policy, wanted)
    const rules = (expiresAtMs: number) => refusalOf(policy, { ...wanted, expiresAtMs })?.errors.filter((error) => error.pointer === '/expiresAt').length ?? 0
    assert.equal(rules(longest), 0)
    assert.ok(rules(longest + 1) > 0)
  }))
})

test('production is at least as strict as test and development by default', () => {
  const { development, test: testing, production } = defaultPolicies
  for (const other of [development, testing]) {
    assert.ok(production.maxLifetimeDays <= other.maxLifetimeDays && production.maxUnrestrictedDangerousDays <= other.maxUnrestrictedDangerousDays)
  }
})

test('K6: permissions are taken from the catalogue, sorted and once each; others are named and refused', () => {
  assert.deepEqual(chosenPermissions(catalogue, ['rpc:write', 'rpc:read', 'rpc:write']), ['rpc:read', 'rpc:write'])
  for (const wanted of [['rpc:read', 'rpc:other'], ['*'], ['RPC:READ'], ['rpc:rea']]) {
    assert.throws(() => chosenPermissions(catalogue, wanted), (error) => error instanceof Fault && error.code === 'keys/unknown-permission')
  }
})
