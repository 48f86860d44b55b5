import assert from 'node:assert/strict'
import { test } from 'node:test'
import { disableKey } from './disable-key.ts'
import { enableKey } from './enable-key.ts'
import { fault, issue, offer, openWorld, read, withRole, write } from './fixtures/world.ts'
import { listKeys } from './list-keys.ts'
import { revokeKey } from './revoke-key.ts'
import { updateKey } from './update-key.ts'

const reason = { reason: 'key-compromise' } as const

test('nobody revokes, disables or enables a credential that grants more than they hold', async () => {
  const world = await openWorld()
  const developer = { caller: await world.hire(withRole('developer')) }
  const operator = { caller: await world.hire(withRole('operator')) }
  const params = { keyId: world.tenant.credential.keyId }
  for (const as of [developer, operator]) {
    await assert.rejects(write(world, world.services, revokeKey, as, { params, body: reason }), fault('keys/lacks-authority'))
    await assert.rejects(write(world, world.services, disableKey, as, { params }), fault('keys/lacks-authority'))
  }
  const admin = await world.hire(withRole('owner'))
  await write(world, world.services, disableKey, { caller: admin }, { params })
  await assert.rejects(write(world, world.services, enableKey, operator, { params }), fault('keys/lacks-authority'))
  await write(world, world.services, enableKey, { caller: admin }, { params })
  await world.close()
})

test('whoever holds all that a credential grants takes it away, and gives it back', async () => {
  const world = await openWorld()
  const developer = await world.hire(withRole('developer'))
  const params = { keyId: developer.keyId }
  assert.equal((await write(world, world.services, disableKey, world.as, { params })).status, 'disabled')
  assert.equal((await write(world, world.services, enableKey, world.as, { params })).status, 'active')
  assert.equal((await write(world, world.services, revokeKey, world.as, { params, body: reason })).status, 'revoked')
  await world.close()
})

test('no credential takes itself away, so nobody locks themselves out', async () => {
  const world = await openWorld()
  const params = { keyId: world.tenant.owner.keyId }
  await assert.rejects(write(world, world.services, revokeKey, world.as, { params, body: reason }), fault('keys/own-credential'))
  await assert.rejects(write(world, world.services, disableKey, world.as, { params }), fault('keys/own-credential'))
  await world.close()
})

test('two owners who revoke each other\'s credentials at the same moment do not both succeed', async () => {
  const world = await openWorld()
  const other = await world.hire(world.tenant.owner.permissions)
  const outcomes = await Promise.allSettled([
    write(world, world.services, revokeKey, world.as, { params: { keyId: other.keyId }, body: reason }),
    write(world, world.services, revokeKey, { caller: other }, { params: { keyId: world.tenant.owner.keyId }, body: reason }),
  ])
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  const refused = outcomes.find((outcome) => outcome.status === 'rejected')
  assert.ok(fault('http/unauthenticated')(refused?.reason))
  await world.close()
})

test('credentials are listed like keys, and changed by nobody', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  await issue(world, environment.environmentId)
  const developer = await world.hire(withRole('developer'))
  const listed = await read(world, world.services, listKeys, world.as, { query: { principalId: developer.principalId } })
  assert.deepEqual(listed.items.map(({ keyId, consumerId, permissions }) => [keyId, consumerId, permissions]), [[developer.keyId, null, ['*']]])
  await assert.rejects(write(world, world.services, updateKey, world.as, { params: { keyId: developer.keyId }, body: { name: 'x' } }), fault('keys/built-in'))
  await world.close()
})

test('customers\' keys are taken by whoever may take keys', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const key = await issue(world, environment.environmentId, { permissions: ['rpc:admin'] })
  const developer = { caller: await world.hire(withRole('developer')) }
  await write(world, world.services, revokeKey, developer, { params: { keyId: key.keyId }, body: reason })
  await world.close()
})

test('a customer\'s key that somebody altered is taken by whoever may take keys; an altered credential only by who holds all that its principal has', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const key = await issue(world, environment.environmentId)
  const [developer, other] = [await world.hire(withRole('developer')), await world.hire(withRole('developer'))]
  for (const keyId of [key.keyId, other.keyId, world.tenant.credential.keyId]) world.guard.distrust('keys', keyId, 1)
  const revoke = (keyId: string) => write(world, world.services, revokeKey, { caller: developer }, { params: { keyId }, body: reason })
  assert.equal((await revoke(key.keyId)).status, 'revoked')
  assert.equal((await revoke(other.keyId)).status, 'revoked')
  await assert.rejects(revoke(world.tenant.credential.keyId), fault('keys/lacks-authority'))
  await world.close()
})
