import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApi } from './create-api.ts'
import { createEnvironment } from './create-environment.ts'
import { codeOf, fault, issue, offer, openWorld, read, write, type World } from './fixtures/world.ts'
import { getApi } from './get-api.ts'
import { listApis } from './list-apis.ts'
import { revokeApi } from './revoke-api.ts'
import { revokeKey } from './revoke-key.ts'
import { updateApi } from './update-api.ts'

const body = { slug: 'market-data', name: 'Market data', prefix: 'acme', permissions: [] }
const create = (world: World, more: Partial<typeof body>) => write(world, world.services, createApi, world.as, { body: { ...body, ...more } })

test('an API shows what it was made with, its catalogue sorted', async () => {
  const world = await openWorld()
  const { api } = await offer(world)
  assert.deepEqual(api.permissions, [
    { name: 'rpc:admin', access: 'dangerous', description: 'Move value.' },
    { name: 'rpc:read', access: 'read', description: '' },
    { name: 'rpc:write', access: 'write', description: '' },
  ])
  assert.deepEqual(await read(world, world.services, getApi, world.as, { params: { apiId: api.apiId } }), api)
  await world.close()
})

test('slug and prefix are unique in a workspace, and those of the control plane are taken in each', async () => {
  const world = await openWorld()
  await create(world, {})
  await assert.rejects(create(world, { prefix: 'other' }), fault('keys/name-taken'))
  await assert.rejects(create(world, { slug: 'other' }), fault('keys/name-taken'))
  await assert.rejects(create(world, { slug: 'other', prefix: 'clv' }), fault('keys/name-taken'))
  await assert.rejects(create(world, { slug: 'claviger', prefix: 'other' }), fault('keys/name-taken'))
  const other = await world.found()
  await write(world, world.services, createApi, { caller: other.owner }, { body })
  await world.close()
})

test('a permission stands in a catalogue once', async () => {
  const world = await openWorld()
  const twice = { ...body, permissions: [{ name: 'a', access: 'read' as const }, { name: 'a', access: 'write' as const }] }
  await assert.rejects(write(world, world.services, createApi, world.as, { body: twice }), fault('http/invalid-input'))
  await world.close()
})

test('a permission that a key holds cannot be removed until every key that holds it is revoked', async () => {
  const world = await openWorld()
  const { api, environment } = await offer(world)
  const params = { apiId: api.apiId }
  const without = (name: string) => ({ params, body: { permissions: api.permissions.filter((permission) => permission.name !== name) } })
  const first = await issue(world, environment.environmentId)
  await issue(world, environment.environmentId, { permissions: ['rpc:write'] })
  await assert.rejects(write(world, world.services, updateApi, world.as, without('rpc:read')), fault('keys/permission-in-use'))
  const added = { params, body: { name: 'New name', permissions: [...api.permissions, { name: 'rpc:rea', access: 'read' as const }] } }
  assert.equal((await write(world, world.services, updateApi, world.as, added)).name, 'New name')
  // A name that begins another's is not held because the other is.
  await write(world, world.services, updateApi, world.as, { params, body: { permissions: api.permissions } })
  await write(world, world.services, revokeKey, world.as, { params: { keyId: first.keyId }, body: { reason: 'superseded' } })
  const updated = await write(world, world.services, updateApi, world.as, without('rpc:read'))
  assert.deepEqual(updated.permissions.map((permission) => permission.name), ['rpc:admin', 'rpc:write'])
  await assert.rejects(issue(world, environment.environmentId), fault('keys/unknown-permission'))
  await world.close()
})

test('an update that expects another version changes nothing', async () => {
  const world = await openWorld()
  const { api } = await offer(world)
  const params = { apiId: api.apiId }
  await write(world, world.services, updateApi, { ...world.as, ifMatch: 1 }, { params, body: { name: 'Second' } })
  await assert.rejects(write(world, world.services, updateApi, { ...world.as, ifMatch: 1 }, { params, body: { name: 'Third' } }), fault('http/precondition-failed'))
  assert.equal((await read(world, world.services, getApi, world.as, { params })).name, 'Second')
  await world.close()
})

test('the built-in API is not changed, revoked or given environments', async () => {
  const world = await openWorld()
  const params = { apiId: world.tenant.builtIn.apiId }
  await assert.rejects(write(world, world.services, updateApi, world.as, { params, body: { name: 'x' } }), fault('keys/built-in'))
  await assert.rejects(write(world, world.services, revokeApi, world.as, { params, body: { reason: 'unspecified' } }), fault('keys/built-in'))
  await assert.rejects(write(world, world.services, createEnvironment, world.as, { params, body: { kind: 'test' } }), fault('keys/built-in'))
  await world.close()
})

test('K7: revoking an API is one row, and refuses its keys from the very next verification on', async () => {
  const world = await openWorld()
  const { api, environment } = await offer(world)
  const key = await issue(world, environment.environmentId)
  assert.equal(await codeOf(world, key.secret), 'valid')
  const revoked = await write(world, world.services, revokeApi, world.as, { params: { apiId: api.apiId }, body: { reason: 'key-compromise' } })
  assert.equal(revoked.status, 'revoked')
  assert.equal(await codeOf(world, key.secret), 'revoked')
  await assert.rejects(issue(world, environment.environmentId), fault('keys/already-revoked'))
  await assert.rejects(write(world, world.services, revokeApi, world.as, { params: { apiId: api.apiId }, body: { reason: 'superseded' } }), fault('keys/already-revoked'))
  await world.close()
})

test('K5: another workspace neither lists, shows, changes nor revokes an API', async () => {
  const world = await openWorld()
  const { api } = await offer(world)
  const as = { caller: (await world.found()).owner }
  const params = { apiId: api.apiId }
  const listed = await read(world, world.services, listApis, as, {})
  assert.ok(listed.items.every((item) => item.apiId !== api.apiId) && listed.items.length === 1)
  await assert.rejects(read(world, world.services, getApi, as, { params }), fault('keys/api-not-found'))
  await assert.rejects(write(world, world.services, updateApi, as, { params, body: { name: 'Other' } }), fault('keys/api-not-found'))
  await assert.rejects(write(world, world.services, revokeApi, as, { params, body: { reason: 'superseded' } }), fault('keys/api-not-found'))
  await world.close()
})

test('pages of a list join without a gap or a repetition', async () => {
  const world = await openWorld()
  for (const name of ['one', 'two', 'three', 'four']) await create(world, { slug: name, prefix: name })
  const seen: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Awaited<ReturnType<typeof listApis.handle>> = await read(world, world.services, listApis, world.as, { query: { limit: 2, ...(cursor === '' ? {} : { cursor }) } })
    seen.push(...page.items.map((item) => item.slug))
    cursor = page.nextCursor
  }
  assert.deepEqual(seen.sort(), ['claviger', 'four', 'one', 'three', 'two'])
  await world.close()
})
