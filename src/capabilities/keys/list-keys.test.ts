import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compileTest } from '#core/http/validation'
import { createConsumer } from './create-consumer.ts'
import { createEnvironment } from './create-environment.ts'
import { disableKey } from './disable-key.ts'
import { onBothEngines } from './fixtures/engines.ts'
import { codeOf, fault, issue, offer, openWorld, read, testStartMs, write, type World } from './fixtures/world.ts'
import { listKeys } from './list-keys.ts'
import { dayMs } from './policy.ts'
import { revokeKey } from './revoke-key.ts'

type Query = Parameters<typeof listKeys.handle>[0]['query']

const list = (world: World, query: Query = {}) => read(world, world.services, listKeys, world.as, { query })

async function namesOf(world: World, query: Query, limit = 200): Promise<string[]> {
  const names: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Awaited<ReturnType<typeof list>> = await list(world, { ...query, limit, ...(cursor === '' ? {} : { cursor }) })
    assert.ok(page.items.length <= limit)
    names.push(...page.items.map(({ name }) => name))
    assert.ok(names.length <= 1_000, 'the pages go on without end')
    cursor = page.nextCursor
  }
  return names.sort()
}

/** One workspace with keys that differ in everything that can be asked for. */
async function stock(world: World): Promise<World & { readonly ids: { first: string; second: string; api: string; other: string; consumer: string } }> {
  const [one, two] = [await offer(world), await offer(world)]
  const staging = await write(world, world.services, createEnvironment, world.as, { params: { apiId: one.api.apiId }, body: { kind: 'test' } })
  const { environmentId } = one.environment
  const { consumerId } = one.consumer
  const day = (days: number): string => new Date(testStartMs + days * dayMs).toISOString()
  await issue(world, environmentId, { name: 'reader', consumerId })
  await issue(world, environmentId, { name: 'Reader of 100%', permissions: ['rpc:read', 'rpc:write'], expiresAt: day(2) })
  await issue(world, environmentId, { name: 'reader_2', consumerId, expiresAt: day(20), permissions: [] })
  const stopped = await issue(world, staging.environmentId, { name: 'stopped', permissions: ['rpc:write'] })
  const ended = await issue(world, staging.environmentId, { name: 'ended' })
  const busy = await issue(world, two.environment.environmentId, { name: 'busy' })
  await write(world, world.services, disableKey, world.as, { params: { keyId: stopped.keyId } })
  await write(world, world.services, revokeKey, world.as, { params: { keyId: ended.keyId }, body: { reason: 'superseded' } })
  await codeOf(world, busy.secret)
  world.pass(3 * dayMs)
  await world.services.uses.flush()
  await world.cutter.cutAll()
  return { ...world, ids: { first: environmentId, second: staging.environmentId, api: one.api.apiId, other: two.api.apiId, consumer: consumerId } }
}

const credential = 'owner'

onBothEngines('every filter finds exactly the keys it says, alone and together', async (empty) => {
  const world = await stock(empty)
  const { first, second, api, other, consumer } = world.ids
  const day = (days: number): string => new Date(testStartMs + days * dayMs).toISOString()
  const cases: readonly (readonly [Query, readonly string[]])[] = [
    [{}, ['Reader of 100%', 'busy', 'ended', credential, 'reader', 'reader_2', 'stopped']],
    [{ environmentId: first }, ['Reader of 100%', 'reader', 'reader_2']],
    [{ environmentId: second }, ['ended', 'stopped']],
    [{ apiId: api }, ['Reader of 100%', 'ended', 'reader', 'reader_2', 'stopped']],
    [{ apiId: other }, ['busy']],
    [{ apiId: other, environmentId: first }, []],
    [{ consumerId: consumer }, ['reader', 'reader_2']],
    [{ principalId: world.tenant.owner.principalId }, [credential]],
    [{ status: 'active' }, ['busy', credential, 'reader', 'reader_2']],
    [{ status: 'disabled' }, ['stopped']],
    [{ status: 'revoked' }, ['ended']],
    [{ status: 'expired' }, ['Reader of 100%']],
    [{ permission: 'rpc:write' }, ['Reader of 100%', 'stopped']],
    [{ permission: 'rpc:rea' }, []],
    [{ permission: 'rpc:write', status: 'disabled' }, ['stopped']],
    [{ search: 'READER' }, ['Reader of 100%', 'reader', 'reader_2']],
    [{ search: 'reader_' }, ['reader_2']],
    [{ search: 'reader of 100%' }, ['Reader of 100%']],
    [{ search: '%' }, []],
    [{ neverUsed: false }, ['busy']],
    [{ neverUsed: true, environmentId: first }, ['Reader of 100%', 'reader', 'reader_2']],
    [{ usedBefore: day(1) }, ['busy']],
    [{ usedBefore: day(0) }, []],
    [{ usedAfter: day(-1) }, ['busy']],
    [{ usedAfter: day(0) }, []],
    [{ expiresBefore: day(20), environmentId: first }, ['Reader of 100%']],
    [{ expiresAfter: day(20), environmentId: first }, ['reader']],
  ]
  for (const [query, expected] of cases) {
    for (const limit of [1, 2, 200]) assert.deepEqual(await namesOf(world, query, limit), [...expected].sort(), JSON.stringify({ query, limit }))
  }
})

onBothEngines('the newest key comes first, ties by id, and what is made between two pages is shown on neither twice', async (world) => {
  const { environment } = await offer(world)
  const { environmentId } = environment
  const made: { readonly keyId: string; readonly createdAt: string }[] = []
  for (const pauseMs of [0, 0, 5, 0, 60_000]) {
    world.pass(pauseMs)
    made.push(await issue(world, environmentId))
  }
  const expected = [...made].sort((a, b) => (a.createdAt === b.createdAt ? (a.keyId < b.keyId ? 1 : -1) : a.createdAt < b.createdAt ? 1 : -1)).map(({ keyId }) => keyId)
  const found: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Awaited<ReturnType<typeof list>> = await list(world, { environmentId, limit: 2, ...(cursor === '' ? {} : { cursor }) })
    found.push(...page.items.map(({ keyId }) => keyId))
    assert.ok(found.length <= expected.length, 'the pages go on without end')
    cursor = page.nextCursor
    world.pass(1)
    await issue(world, environmentId, { name: 'made while pages were turned' })
  }
  assert.deepEqual(found, expected)
  const cursorOf = (...values: unknown[]): string => Buffer.from(JSON.stringify(values)).toString('base64url')
  for (const cursor of [cursorOf('keys.list', expected[0]), cursorOf('keys.list', '5', 'key_'), cursorOf('keys.list', 1.5, 'key_'), cursorOf('keys.list', 1, 2), cursorOf('apis.list', 1, 'api_')]) {
    await assert.rejects(list(world, { cursor }), fault('http/invalid-cursor'))
  }
})

test('a key is found by its id and by the public part of its token', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const key = await issue(world, environment.environmentId, { name: 'wanted' })
  await issue(world, environment.environmentId)
  const hint = key.secret.slice(0, -49)
  for (const search of [key.keyId, hint, `${hint}…`]) assert.deepEqual((await list(world, { search })).items.map((item) => item.keyId), [key.keyId])
  assert.deepEqual((await list(world, { search: 'key_0000000000000000' })).items, [])
  await world.close()
})

test('no secret, nor any part of one, is taken in an address', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const { secret } = await issue(world, environment.environmentId)
  const takes = compileTest(listKeys.input.query)
  const publicLength = secret.length - 49
  for (let length = publicLength + 1; length <= secret.length; length++) {
    assert.equal(takes({ search: secret.slice(0, length) }), false, `${length - publicLength} characters of the secret are taken`)
  }
  assert.equal(takes({ search: secret.slice(0, publicLength) }), true)
  for (const search of ['', ' a', 'a\nb', 'a'.repeat(49)]) assert.equal(takes({ search }), false)
  await world.close()
})

test('days that no calendar has are refused', async () => {
  const world = await openWorld()
  await assert.rejects(list(world, { expiresBefore: '2027-02-30T00:00:00Z' }), fault('http/invalid-input'))
  await world.close()
})

test('K5: a list shows nothing of another workspace, whatever is asked for', async () => {
  const world = await stock(await openWorld())
  const tenant = await world.found()
  const theirs = { ...world, as: { caller: tenant.owner } }
  await fc.assert(fc.asyncProperty(
    fc.record({
      environmentId: fc.constantFrom(world.ids.first, world.ids.second), apiId: fc.constantFrom(world.ids.api, world.ids.other), consumerId: fc.constant(world.ids.consumer),
      status: fc.constantFrom('active' as const, 'revoked' as const), search: fc.constantFrom('reader', 'busy'), neverUsed: fc.boolean(),
    }, { requiredKeys: [] }),
    async (query) => {
      const { items } = await list(theirs, query)
      assert.ok(items.every((item) => item.principalId === tenant.owner.principalId))
    },
  ), { numRuns: 40 })
  await assert.rejects(list(theirs, { cursor: 'eyJhIjoxfQ' }), fault('http/invalid-cursor'))
  await world.close()
})

test('a consumer without keys has an empty list', async () => {
  const world = await openWorld()
  const { consumerId } = await write(world, world.services, createConsumer, world.as, { body: {} })
  assert.deepEqual(await list(world, { consumerId }), { items: [], nextCursor: null })
  await world.close()
})
