import assert from 'node:assert/strict'
import { test } from 'node:test'
import { disableKey } from './disable-key.ts'
import { enableKey } from './enable-key.ts'
import { codeOf, fault, issue, offer, openWorld, read, testStartMs, write, type World } from './fixtures/world.ts'
import { getKey } from './get-key.ts'
import { dayMs } from './policy.ts'
import { revokeApi } from './revoke-api.ts'
import { revokeConsumer } from './revoke-consumer.ts'
import { revokeEnvironment } from './revoke-environment.ts'
import { revokeKey } from './revoke-key.ts'
import { updateApi } from './update-api.ts'
import { updateEnvironment } from './update-environment.ts'
import { updateKey } from './update-key.ts'

type Body = Parameters<typeof updateKey.decide>[0]['body']

const update = (world: World, keyId: string, body: Body, ifMatch?: number) =>
  write(world, world.services, updateKey, { ...world.as, ...(ifMatch === undefined ? {} : { ifMatch }) }, { params: { keyId }, body })

test('what is left out of an update stays; the next verification goes by what was changed', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const { secret, ...key } = await issue(world, environment.environmentId, { ipRanges: ['203.0.113.0/24'], timeWindow: { days: [1], from: '00:00', to: '23:00' } })
  const from = { clientIp: '203.0.113.7' }
  assert.equal(await codeOf(world, secret, { ...from, permissions: { all: ['rpc:write'] } }), 'permission-denied')
  const updated = await update(world, key.keyId, { permissions: ['rpc:write'] }, 1)
  assert.deepEqual(updated, { ...key, version: 2, permissions: ['rpc:write'] })
  assert.equal(await codeOf(world, secret, { ...from, permissions: { all: ['rpc:write'] } }), 'valid')
  assert.equal(await codeOf(world, secret, { ...from, permissions: { all: ['rpc:read'] } }), 'permission-denied')
  const tied = await update(world, key.keyId, { origins: ['https://a.example', 'https://a.example'] })
  assert.deepEqual(tied, { ...updated, version: 3, origins: ['https://a.example'] })
  assert.equal(await codeOf(world, secret, from), 'origin-required')
  assert.deepEqual((await update(world, key.keyId, { name: 'bot' })).origins, ['https://a.example'], 'left out')
  const freed = await update(world, key.keyId, { ipRanges: [], origins: [], timeWindow: null, name: 'other' })
  assert.deepEqual([freed.ipRanges, freed.timeWindow, freed.name], [[], null, 'other'])
  assert.equal(await codeOf(world, secret), 'valid')
  assert.deepEqual(await read(world, world.services, getKey, world.as, { params: { keyId: key.keyId } }), { ...freed, uses: { valid: 0, denied: 0 } })
  await world.close()
})

test('an update that expects another version changes nothing', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const key = await issue(world, environment.environmentId)
  await update(world, key.keyId, { name: 'second' }, 1)
  await assert.rejects(update(world, key.keyId, { name: 'third' }, 1), fault('http/precondition-failed'))
  await world.close()
})

test('K9: the policy of today is applied to the whole key, counted from its creation', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const { environmentId } = environment
  const key = await issue(world, environmentId, { expiresAt: new Date(testStartMs + 100 * dayMs).toISOString() })
  world.pass(90 * dayMs)
  const expiresAt = (days: number) => ({ expiresAt: new Date(testStartMs + days * dayMs).toISOString() })
  await assert.rejects(update(world, key.keyId, expiresAt(366)), fault('keys/breaks-policy'))
  await update(world, key.keyId, expiresAt(365))
  // Widening to a dangerous permission makes the month count, which is long over.
  await assert.rejects(update(world, key.keyId, { permissions: ['rpc:admin'] }), fault('keys/breaks-policy'))
  await write(world, world.services, updateEnvironment, world.as, { params: { environmentId }, body: { policy: { requireIpRanges: true } } })
  await assert.rejects(update(world, key.keyId, { name: 'other' }), fault('keys/breaks-policy'))
  await update(world, key.keyId, { name: 'other', ipRanges: ['203.0.113.0/24'] })
  await world.close()
})

test('a permission that became dangerous counts as such when its key is next changed', async () => {
  const world = await openWorld()
  const { api, environment } = await offer(world)
  const key = await issue(world, environment.environmentId)
  const permissions = api.permissions.map((permission) => ({ ...permission, access: 'dangerous' as const }))
  await write(world, world.services, updateApi, world.as, { params: { apiId: api.apiId }, body: { permissions } })
  assert.equal(await codeOf(world, key.secret), 'valid')
  await assert.rejects(update(world, key.keyId, { name: 'other' }), fault('keys/breaks-policy'))
  await world.close()
})

test('a key that is revoked or expired is not changed any more', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const [revoked, expired] = [await issue(world, environment.environmentId), await issue(world, environment.environmentId)]
  await write(world, world.services, revokeKey, world.as, { params: { keyId: revoked.keyId }, body: { reason: 'superseded' } })
  await assert.rejects(update(world, revoked.keyId, { name: 'x' }), fault('keys/already-revoked'))
  world.pass(366 * dayMs)
  await assert.rejects(update(world, expired.keyId, { expiresAt: '2030-01-01T00:00:00Z' }), fault('keys/not-active'))
  await world.close()
})

test('disable and enable take effect on the very next verification, as often as you like', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const { keyId, secret } = await issue(world, environment.environmentId)
  const params = { keyId }
  for (let round = 0; round < 3; round++) {
    assert.equal(await codeOf(world, secret), 'valid')
    await assert.rejects(write(world, world.services, enableKey, world.as, { params }), fault('keys/not-disabled'))
    await write(world, world.services, disableKey, world.as, { params })
    assert.equal(await codeOf(world, secret), 'disabled')
    await assert.rejects(write(world, world.services, disableKey, world.as, { params }), fault('keys/not-active'))
    await write(world, world.services, enableKey, world.as, { params })
  }
  await write(world, world.services, disableKey, world.as, { params })
  await write(world, world.services, revokeKey, world.as, { params, body: { reason: 'key-compromise' } })
  await assert.rejects(write(world, world.services, enableKey, world.as, { params }), fault('keys/not-disabled'))
  assert.equal(await codeOf(world, secret), 'revoked')
  await world.close()
})

test('a key is not enabled against the policy of today, after its end, or for a revoked consumer', async () => {
  const world = await openWorld()
  const { environment, consumer } = await offer(world)
  const { environmentId } = environment
  const { consumerId } = consumer
  const [strict, orphan, old] = [await issue(world, environmentId), await issue(world, environmentId, { consumerId }), await issue(world, environmentId)]
  for (const { keyId } of [strict, orphan, old]) await write(world, world.services, disableKey, world.as, { params: { keyId } })
  const enable = (keyId: string) => write(world, world.services, enableKey, world.as, { params: { keyId } })
  await write(world, world.services, revokeConsumer, world.as, { params: { consumerId }, body: { reason: 'affiliation-changed' } })
  await assert.rejects(enable(orphan.keyId), fault('keys/already-revoked'))
  await write(world, world.services, updateEnvironment, world.as, { params: { environmentId }, body: { policy: { maxLifetimeDays: 10 } } })
  await assert.rejects(enable(strict.keyId), fault('keys/breaks-policy'))
  world.pass(366 * dayMs)
  await assert.rejects(enable(old.keyId), fault('keys/not-disabled'))
  await world.close()
})

test('a key gets nothing more under an API or an environment that was revoked', async () => {
  for (const end of ['api', 'environment'] as const) {
    const world = await openWorld()
    const { api, environment } = await offer(world)
    const [active, disabled] = [await issue(world, environment.environmentId), await issue(world, environment.environmentId)]
    await write(world, world.services, disableKey, world.as, { params: { keyId: disabled.keyId } })
    const body = { reason: 'superseded' } as const
    if (end === 'api') await write(world, world.services, revokeApi, world.as, { params: { apiId: api.apiId }, body })
    else await write(world, world.services, revokeEnvironment, world.as, { params: { environmentId: environment.environmentId }, body })
    await assert.rejects(update(world, active.keyId, { name: 'other' }), fault('keys/already-revoked'))
    await assert.rejects(write(world, world.services, enableKey, world.as, { params: { keyId: disabled.keyId } }), fault('keys/already-revoked'))
    await assert.rejects(issue(world, environment.environmentId), fault('keys/already-revoked'))
    await world.close()
  }
})

/** Starts one, and the other some turns later. */
async function staggered(pauses: number, one: () => Promise<unknown>, other: () => Promise<unknown>): Promise<void> {
  const first = one()
  for (let pause = 0; pause < pauses; pause++) await Promise.resolve()
  await Promise.allSettled([first, other()])
}

test('K6: in the order of the log, no key is given a permission after it left the catalogue', async () => {
  for (let pauses = 0; pauses < 28; pauses++) {
    const world = await openWorld()
    const { api, environment } = await offer(world)
    const key = await issue(world, environment.environmentId, { permissions: [] })
    const permissions = api.permissions.filter((permission) => permission.name !== 'rpc:write')
    const remove = () => write(world, world.services, updateApi, world.as, { params: { apiId: api.apiId }, body: { permissions } })
    const give = () => (pauses % 2 === 0 ? update(world, key.keyId, { permissions: ['rpc:write'] }) : issue(world, environment.environmentId, { permissions: ['rpc:write'] }))
    if (pauses % 4 < 2) await staggered(pauses, remove, give)
    else await staggered(pauses, give, remove)
    const rows = await world.storage.reader<{ entries: { idx: number; leaf: Uint8Array } }>().selectFrom('entries').select('leaf').orderBy('idx').execute()
    const events = rows.map(({ leaf }) => JSON.parse(Buffer.from(leaf).toString('utf8')) as { event: string; facts: { permissions?: unknown } })
    const removedAt = events.findLastIndex(({ event }) => event === 'api.updated')
    const givenAt = events.findLastIndex(({ event, facts }) => event.startsWith('key.') && JSON.stringify(facts.permissions).includes('rpc:write'))
    assert.ok(removedAt === -1 || givenAt < removedAt, `given at ${givenAt}, removed at ${removedAt}, ${pauses} turns apart`)
    await world.close()
  }
})

test('K7: in the order of the log, no key is issued to a consumer after it was revoked, or under an environment', async () => {
  for (let pauses = 0; pauses < 32; pauses++) {
    const world = await openWorld()
    const { environment: { environmentId }, consumer: { consumerId } } = await offer(world)
    const body = { reason: 'superseded' } as const
    const end = () => (pauses % 2 === 0
      ? write(world, world.services, revokeConsumer, world.as, { params: { consumerId }, body })
      : write(world, world.services, revokeEnvironment, world.as, { params: { environmentId }, body }))
    const give = () => issue(world, environmentId, { consumerId })
    if (pauses % 4 < 2) await staggered(pauses, end, give)
    else await staggered(pauses, give, end)
    const rows = await world.storage.reader<{ entries: { idx: number; leaf: Uint8Array } }>().selectFrom('entries').select('leaf').orderBy('idx').execute()
    const events = rows.map(({ leaf }) => (JSON.parse(Buffer.from(leaf).toString('utf8')) as { event: string }).event)
    const endedAt = events.findLastIndex((event) => event === 'consumer.revoked' || event === 'environment.revoked')
    const givenAt = events.lastIndexOf('key.created')
    assert.ok(endedAt === -1 || givenAt < endedAt, `given at ${givenAt}, ended at ${endedAt}, ${pauses} turns apart`)
    await world.close()
  }
})
