import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEnvironment } from './create-environment.ts'
import { codeOf, fault, issue, offer, openWorld, read, write } from './fixtures/world.ts'
import { getEnvironment } from './get-environment.ts'
import { listEnvironments } from './list-environments.ts'
import { revokeEnvironment } from './revoke-environment.ts'
import { updateEnvironment } from './update-environment.ts'

test('each kind comes with its tag, policy and recording, the strictest in production', async () => {
  const world = await openWorld()
  const { api, environment } = await offer(world, { recording: 'durable' })
  const params = { apiId: api.apiId }
  const development = await write(world, world.services, createEnvironment, world.as, { params, body: { kind: 'development' } })
  const testing = await write(world, world.services, createEnvironment, world.as, { params, body: { kind: 'test' } })
  assert.deepEqual([development.slug, development.tag, development.recording], ['development', 'dev', 'relaxed'])
  assert.deepEqual([testing.slug, testing.tag, testing.recording], ['test', 'test', 'relaxed'])
  assert.deepEqual([environment.slug, environment.tag, environment.recording], ['production', 'live', 'durable'])
  assert.equal(development.policy.maxUnrestrictedDangerousDays, 365)
  assert.deepEqual(environment.policy, { maxLifetimeDays: 365, requireIpRanges: false, maxUnrestrictedDangerousDays: 30 })
  const listed = await read(world, world.services, listEnvironments, world.as, { query: { apiId: api.apiId } })
  assert.equal(listed.items.length, 3)
  await world.close()
})

test('slug and tag are unique in an API', async () => {
  const world = await openWorld()
  const { api } = await offer(world)
  const params = { apiId: api.apiId }
  await assert.rejects(write(world, world.services, createEnvironment, world.as, { params, body: { kind: 'production', tag: 'other' } }), fault('keys/name-taken'))
  await assert.rejects(write(world, world.services, createEnvironment, world.as, { params, body: { kind: 'production', slug: 'other' } }), fault('keys/name-taken'))
  await write(world, world.services, createEnvironment, world.as, { params, body: { kind: 'production', slug: 'second', tag: 'live2' } })
  await world.close()
})

test('K2: a key verifies in its own environment and no other', async () => {
  const world = await openWorld()
  const { api, environment } = await offer(world)
  const other = await write(world, world.services, createEnvironment, world.as, { params: { apiId: api.apiId }, body: { kind: 'test' } })
  const key = await issue(world, environment.environmentId)
  assert.equal(await codeOf(world, key.secret, { environmentId: environment.environmentId }), 'valid')
  assert.equal(await codeOf(world, key.secret, { environmentId: other.environmentId }), 'wrong-environment')
  // The same token under the other's tag is another token.
  const moved = key.secret.replace(`_${environment.tag}_`, `_${other.tag}_`)
  assert.notEqual(await codeOf(world, moved), 'valid')
  await world.close()
})

test('a policy changes in parts, does not touch keys that exist, and counts for the next one', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const { environmentId } = environment
  const key = await issue(world, environmentId)
  const updated = await write(world, world.services, updateEnvironment, { ...world.as, ifMatch: 1 }, {
    params: { environmentId }, body: { policy: { requireIpRanges: true }, recording: 'durable' },
  })
  assert.deepEqual(updated.policy, { ...environment.policy, requireIpRanges: true })
  assert.equal(await codeOf(world, key.secret), 'valid')
  await assert.rejects(issue(world, environmentId), fault('keys/breaks-policy'))
  await issue(world, environmentId, { ipRanges: ['203.0.113.0/24'] })
  await assert.rejects(
    write(world, world.services, updateEnvironment, { ...world.as, ifMatch: 1 }, { params: { environmentId }, body: { recording: 'relaxed' } }), fault('http/precondition-failed'),
  )
  await world.close()
})

test('K7: revoking an environment is one row, and refuses its keys from the very next verification on', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const params = { environmentId: environment.environmentId }
  const key = await issue(world, environment.environmentId)
  assert.equal(await codeOf(world, key.secret), 'valid')
  await write(world, world.services, revokeEnvironment, world.as, { params, body: { reason: 'superseded' } })
  assert.equal(await codeOf(world, key.secret), 'revoked')
  await assert.rejects(write(world, world.services, updateEnvironment, world.as, { params, body: { recording: 'relaxed' } }), fault('keys/already-revoked'))
  await assert.rejects(write(world, world.services, revokeEnvironment, world.as, { params, body: { reason: 'superseded' } }), fault('keys/already-revoked'))
  await world.close()
})

test('the environment of the built-in API is not changed or revoked', async () => {
  const world = await openWorld()
  const params = { environmentId: world.tenant.builtIn.environmentId }
  await assert.rejects(write(world, world.services, updateEnvironment, world.as, { params, body: { recording: 'durable' } }), fault('keys/built-in'))
  await assert.rejects(write(world, world.services, revokeEnvironment, world.as, { params, body: { reason: 'superseded' } }), fault('keys/built-in'))
  await world.close()
})

test('K5: another workspace neither lists, shows, changes nor revokes an environment, nor makes one in its API', async () => {
  const world = await openWorld()
  const { api, environment } = await offer(world)
  const as = { caller: (await world.found()).owner }
  const params = { environmentId: environment.environmentId }
  assert.equal((await read(world, world.services, listEnvironments, as, { query: { apiId: api.apiId } })).items.length, 0)
  await assert.rejects(read(world, world.services, getEnvironment, as, { params }), fault('keys/environment-not-found'))
  await assert.rejects(write(world, world.services, updateEnvironment, as, { params, body: { recording: 'relaxed' } }), fault('keys/environment-not-found'))
  await assert.rejects(write(world, world.services, revokeEnvironment, as, { params, body: { reason: 'superseded' } }), fault('keys/environment-not-found'))
  await assert.rejects(write(world, world.services, createEnvironment, as, { params: { apiId: api.apiId }, body: { kind: 'test' } }), fault('keys/api-not-found'))
  await assert.rejects(issue(world, environment.environmentId, {}, as), fault('keys/environment-not-found'))
  await world.close()
})
