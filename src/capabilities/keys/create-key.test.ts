import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHmacSha256, parseToken } from '@claviger/verifier'
import { Fault } from '#core/base/fault'
import { codeOf, fault, issue, offer, openWorld, read, testStartMs, verify } from './fixtures/world.ts'
import { getKey } from './get-key.ts'
import { dayMs } from './policy.ts'
import { issueKey, requireExpiry } from './create-key.ts'
import { requireApi, requireEnvironment } from './find.ts'

const inDays = (days: number): string => new Date(testStartMs + days * dayMs).toISOString()

test('K1: a secret is answered once, verifies, and stands nowhere in the database', async () => {
  const world = await openWorld()
  const { api, environment } = await offer(world)
  const key = await issue(world, environment.environmentId)
  const token = parseToken(key.secret)
  assert.deepEqual([token?.prefix, token?.tag, `key_${token?.id}`], [api.prefix, 'live', key.keyId])
  assert.equal(await codeOf(world, key.secret), 'valid')
  const { secret, ...shown } = key
  assert.deepEqual(await read(world, world.services, getKey, world.as, { params: { keyId: key.keyId } }), shown)
  const tables = await world.storage.reader<{ sqlite_master: { name: string; type: string } }>().selectFrom('sqlite_master').select('name').where('type', '=', 'table').execute()
  for (const { name } of tables) {
    const rows = await world.storage.reader<Record<string, object>>().selectFrom(name).selectAll().execute()
    for (const value of rows.flatMap((row) => Object.values(row))) {
      const text = value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)
      assert.ok(!text.includes(secret.slice(-49)), `the secret stands in ${name}`)
    }
  }
  await world.close()
})

test('K4: without an expiry a key lives as long as its environment allows, shorter when it is dangerous from anywhere', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const { environmentId } = environment
  assert.equal((await issue(world, environmentId)).expiresAt, inDays(365))
  assert.equal((await issue(world, environmentId, { permissions: ['rpc:admin'] })).expiresAt, inDays(30))
  assert.equal((await issue(world, environmentId, { permissions: ['rpc:admin'], ipRanges: ['203.0.113.7'] })).expiresAt, inDays(365))
  await world.close()
})

test('a key expires by the clock, at its millisecond', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const key = await issue(world, environment.environmentId, { expiresAt: inDays(1) })
  world.pass(dayMs - 1)
  assert.equal(await codeOf(world, key.secret), 'valid')
  world.pass(1)
  assert.equal(await codeOf(world, key.secret), 'expired')
  await world.close()
})

test('K9: a key that breaks its environment\'s policy is refused, and the refusal names each rule', async () => {
  const world = await openWorld()
  const { environment } = await offer(world, { policy: { maxLifetimeDays: 10, requireIpRanges: true, maxUnrestrictedDangerousDays: 5 } })
  const wanted = issue(world, environment.environmentId, { permissions: ['rpc:admin'], expiresAt: inDays(11) })
  await assert.rejects(wanted, (error) => {
    assert.ok(fault('keys/breaks-policy')(error))
    const rules = (error as { errors: { detail: string }[] }).errors.map(({ detail }) => detail.split(':')[0])
    assert.deepEqual(rules, ['max-lifetime', 'max-unrestricted-dangerous', 'require-ip-ranges'])
    return true
  })
  await issue(world, environment.environmentId, { permissions: ['rpc:admin'], expiresAt: inDays(10), ipRanges: ['2001:db8::/32'] })
  await world.close()
})

test('days that no calendar has, and times that are over, are refused', () => {
  const nowMs = testStartMs
  for (const text of ['2027-02-29T00:00:00Z', '2027-02-31T00:00:00Z', '2027-04-31T12:00:00.000Z', '2026-11-23T12:00:00Z', '2000-01-01T00:00:00Z']) {
    assert.throws(() => requireExpiry(text, nowMs), (error) => fault('keys/invalid-expiry')(error) && error instanceof Fault && error.errors[0]?.pointer === '/expiresAt')
  }
  assert.equal(requireExpiry('2028-02-29T00:00:00.5Z', nowMs), Date.UTC(2028, 1, 29, 0, 0, 0, 500))
})

test('restrictions are kept in one spelling; those that are not valid are named', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const key = await issue(world, environment.environmentId, { ipRanges: ['203.0.113.7', '::ffff:203.0.113.7', '2001:DB8::/32'], origins: ['https://a.example', 'https://a.example'] })
  assert.deepEqual([key.ipRanges, key.origins], [['203.0.113.7/32', '2001:db8::/32'], ['https://a.example']])
  const bad = { ipRanges: ['203.0.113.0/24', '203.0.113.7/24', 'example.com'], timeWindow: { days: [1, 1], from: '09:00', to: '17:00' } }
  await assert.rejects(issue(world, environment.environmentId, bad), (error) => {
    assert.ok(fault('keys/invalid-restriction')(error))
    assert.deepEqual((error as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer), ['/ipRanges/1', '/ipRanges/2', '/timeWindow'])
    return true
  })
  await world.close()
})

test('a key is refused outside its addresses, origins and hours', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const bound = await issue(world, environment.environmentId, {
    ipRanges: ['203.0.113.0/24'], origins: ['https://a.example'], timeWindow: { days: [1], from: '11:00', to: '13:00' },
  })
  const from = { clientIp: '203.0.113.9', origin: 'https://a.example' }
  assert.equal(await codeOf(world, bound.secret), 'ip-required')
  assert.equal(await codeOf(world, bound.secret, { ...from, clientIp: '203.0.114.9' }), 'ip-not-allowed')
  assert.equal(await codeOf(world, bound.secret, { clientIp: from.clientIp }), 'origin-required')
  assert.equal(await codeOf(world, bound.secret, { ...from, clientIp: '::ffff:203.0.113.9' }), 'valid')
  assert.equal(await codeOf(world, bound.secret, from), 'valid')
  world.pass(3_600_000)
  assert.equal(await codeOf(world, bound.secret, from), 'outside-window')
  await world.close()
})

test('a key is not issued under the built-in API', async () => {
  const world = await openWorld()
  await assert.rejects(issue(world, world.tenant.builtIn.environmentId, { permissions: [] }), fault('keys/built-in'))
  await world.close()
})

test('permissions are asked for as all and any, and a key tells those it holds', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const key = await issue(world, environment.environmentId, { permissions: ['rpc:write', 'rpc:read'] })
  assert.equal(await codeOf(world, key.secret, { permissions: { all: ['rpc:read', 'rpc:write'] } }), 'valid')
  assert.equal(await codeOf(world, key.secret, { permissions: { all: ['rpc:read', 'rpc:read'], any: ['rpc:admin', 'rpc:write'] } }), 'valid')
  assert.equal(await codeOf(world, key.secret, { permissions: { any: ['rpc:admin'] } }), 'permission-denied')
  assert.deepEqual((await verify(world, key.secret)).permissions, ['rpc:read', 'rpc:write'])
  await world.close()
})

test('K7: nothing is issued under an environment or an API that is over, whoever issues it', async () => {
  const world = await openWorld()
  const offered = await offer(world)
  const { workspaceId } = world.tenant
  const environment = await requireEnvironment(world.services, workspaceId, offered.environment.environmentId)
  const api = await requireApi(world.services, workspaceId, offered.api.apiId)
  const over = { status: 'revoked', revoked_at_ms: testStartMs } as const
  const issuer = { atMs: testStartMs, random: world.random, principalId: world.tenant.owner.principalId }
  const issued = (part: Partial<Parameters<typeof issueKey>[1]>) =>
    issueKey(issuer, { api, environment, permissions: ['rpc:read'], hash: createHmacSha256(Buffer.alloc(32)), terms: { name: 'bot' }, ...part })
  assert.equal(issued({}).output.status, 'active')
  const conditions = issued({}).expects.map(({ table, id, version }) => [table.name, id, version])
  assert.deepEqual(conditions, [['environments', environment.id, environment.version], ['apis', api.id, api.version]], 'nor when it ends meanwhile')
  for (const part of [{ environment: { ...environment, ...over } }, { api: { ...api, ...over } }]) {
    assert.throws(() => issued(part), fault('keys/already-revoked'))
  }
  assert.throws(() => issued({ permissions: ['*'] }), /invariant violated: K6/, 'no customer holds what a role grants')
  await world.close()
})
