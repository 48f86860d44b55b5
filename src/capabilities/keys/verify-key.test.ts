import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verdicts } from '@claviger/verifier'
import { compileTest } from '#core/http/validation'
import { codeOf, fault, issue, offer, openWorld, verify } from './fixtures/world.ts'
import type { KeysDatabase } from './tables.ts'
import { readUses } from './use.ts'
import { verifyKey } from './verify-key.ts'

const nothing = { keyId: null, apiId: null, environmentId: null, environment: null, consumerId: null, permissions: [], expiresAt: null }

test('a valid key tells what it is to its own workspace', async () => {
  const world = await openWorld()
  const { api, environment, consumer } = await offer(world)
  const key = await issue(world, environment.environmentId, { consumerId: consumer.consumerId })
  for (const warmed of [false, true]) {
    if (warmed) await world.services.verification.warm()
    assert.deepEqual(await verify(world, key.secret), {
      valid: true, code: 'valid', keyId: key.keyId, apiId: api.apiId, environmentId: environment.environmentId, environment: 'production',
      consumerId: consumer.consumerId, permissions: ['rpc:read'], expiresAt: key.expiresAt,
    })
  }
  await world.close()
})

test('whoever has only the OpenAPI document finds there every code that an answer may have', () => {
  const { description } = verifyKey.output.properties.code as { description?: string }
  for (const [code, { httpStatus }] of Object.entries(verdicts)) {
    if (httpStatus === 401 || httpStatus === 403) assert.match(description ?? '', new RegExp(`a ${httpStatus}[^.]*\`${code}\``), code)
  }
})

test('K5: a key of another workspace, and a credential of the control plane, are answered like one that does not exist', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const key = await issue(world, environment.environmentId)
  const tenant = await world.found()
  const as = { caller: tenant.owner }
  const absent = { valid: false, code: 'not-found', ...nothing }
  for (const warmed of [false, true]) {
    if (warmed) await world.services.verification.warm()
    assert.deepEqual(await verify(world, key.secret, {}, as), absent)
    assert.deepEqual(await verify(world, key.secret, { environmentId: environment.environmentId }, as), absent)
    for (const { secret } of [world.tenant.credential, tenant.credential]) {
      assert.deepEqual(await verify(world, secret), absent)
      assert.deepEqual(await verify(world, secret, {}, as), absent)
    }
  }
  await world.close()
})

test('what was verified is on record: own keys by name, everything else without one', async () => {
  const world = await openWorld()
  const { environment } = await offer(world, { recording: 'durable' })
  const key = await issue(world, environment.environmentId)
  const as = { caller: (await world.found()).owner }
  await codeOf(world, key.secret)
  // `durable`: on disk by the time of the answer.
  assert.equal(world.services.uses.waiting, 0)
  await codeOf(world, key.secret, {}, as)
  await codeOf(world, 'garbage')
  await codeOf(world, world.tenant.credential.secret)
  await world.services.uses.flush()
  const batches = await world.storage.reader<KeysDatabase>().selectFrom('use_batches').selectAll().orderBy('id').execute()
  const uses = batches.flatMap(({ uses: bytes }) => readUses(bytes) ?? [])
  assert.deepEqual(uses.map((use) => [use.workspaceId, use.environmentId, use.keyId, use.code]), [
    [world.tenant.workspaceId, environment.environmentId, key.keyId, 'valid'],
    [as.caller.workspaceId, '', '', 'not-found'],
    [world.tenant.workspaceId, '', '', 'malformed'],
    [world.tenant.workspaceId, '', '', 'not-found'],
  ])
  await world.close()
})

test('a client address that is none is refused, not overlooked', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const key = await issue(world, environment.environmentId)
  for (const clientIp of ['unknown', '203.0.113.07', '203.0.113.7, 198.51.100.1', '::ffff:1.2.3', 'fe80::1%eth0']) {
    await assert.rejects(verify(world, key.secret, { clientIp }), fault('http/invalid-input'))
  }
  await world.close()
})

test('permissions that ask for nothing are refused: whoever asks `any` of none asked by mistake', () => {
  const takes = compileTest(verifyKey.input.body)
  assert.equal(takes({ key: 'k', permissions: { any: ['rpc:read'] } }), true)
  for (const permissions of [{ any: [] }, { all: [] }, { some: ['rpc:read'] }, { any: ['rpc:read\tx'] }, { any: ['a,b'] }]) assert.equal(takes({ key: 'k', permissions }), false)
  assert.equal(takes({ key: 'x'.repeat(513) }), false)
})
