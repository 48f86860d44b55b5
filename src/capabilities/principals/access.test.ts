import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { asId } from '#core/base/id'
import { roles, type Caller } from '#core/http/operation'
import { collectAccess, effectivePermissions, requireAuthority, requireWithinRanges } from './access.ts'
import { allOperations, fault } from './fixtures.ts'

const access = collectAccess(allOperations, [{ permission: 'docs:read', roles: ['owner', 'auditor'] }])

test('roles come from the operations alone: each holds exactly what names it', () => {
  for (const role of roles) {
    const named = allOperations.filter((operation) => operation.roles.includes(role)).map((operation) => operation.permission)
    const extra = role === 'owner' || role === 'auditor' ? ['docs:read'] : []
    assert.deepEqual([...access.permissionsOf(role)].sort(), [...new Set([...named, ...extra])].sort())
  }
})

test('the owner holds every permission there is, and nobody else does', () => {
  assert.deepEqual(access.permissionsOf('owner'), access.permissions)
  for (const role of roles.slice(1)) assert.ok(access.permissionsOf(role).size < access.permissions.size, role)
})

test('an auditor changes nothing, and a developer neither principals nor what keys stand under', () => {
  const writes = allOperations.filter((operation) => operation.effect === 'write')
  assert.deepEqual(writes.filter((operation) => access.permissionsOf('auditor').has(operation.permission)).map(({ id }) => id), [])
  const developer = writes.filter((operation) => access.permissionsOf('developer').has(operation.permission)).map(({ id }) => id.slice(0, id.indexOf('.')))
  assert.deepEqual([...new Set(developer)].sort(), ['consumers', 'keys'])
})

const all = ['a:read', 'b:write', 'c:revoke', 'd:read']
const sets = fc.subarray(all).map((list) => new Set(list))

test('P2: a credential grants what role and key both grant, and `*` what the role grants', () => {
  fc.assert(fc.property(sets, sets, (role, key) => {
    assert.deepEqual(effectivePermissions(role, key), new Set([...role].filter((permission) => key.has(permission))))
    assert.deepEqual(effectivePermissions(role, new Set([...key, '*'])), role)
  }))
})

test('P1: authority over a set takes every permission in it', () => {
  fc.assert(fc.property(sets, sets, (held, granted) => {
    const caller: Caller = { workspaceId: asId('wsp', 'wsp_0000000000000000'), principalId: asId('prn', 'prn_0000000000000000'), keyId: asId('key', 'key_0000000000000000'), permissions: held, expects: [] }
    if ([...granted].every((permission) => held.has(permission))) requireAuthority(caller, granted)
    else assert.throws(() => requireAuthority(caller, granted), fault('principals/lacks-authority'))
  }))
})

test('P8: whoever is bound to addresses gives no credential that counts from elsewhere', () => {
  const own = ['203.0.113.0/24', '2001:db8::/48', '198.51.100.7/32']
  const lacks = fault('principals/lacks-authority')
  for (const granted of [['203.0.113.0/24'], ['203.0.113.9'], ['203.0.113.128/25', '2001:db8:0:5::/64', '198.51.100.7/32']]) requireWithinRanges(own, granted)
  for (const granted of [[], ['203.0.112.0/23'], ['203.0.113.9', '192.0.2.1'], ['2001:db8::/47'], ['198.51.100.6/31'], ['0.0.0.0/0'], ['::/0'], ['no range']]) {
    assert.throws(() => requireWithinRanges(own, granted), lacks, granted.join())
  }
  requireWithinRanges([], [])
})
