import assert from 'node:assert/strict'
import { test } from 'node:test'
import { subjectKey } from '#core/keyring/keyring'
import { createConsumer } from './create-consumer.ts'
import { eraseConsumerOperation } from './erase-consumer.ts'
import { keysErasedMax } from './erase-keys.ts'
import { codeOf, fault, issue, offer, openWorld, read, write, type World } from './fixtures/world.ts'
import { getConsumer } from './get-consumer.ts'
import { getKey } from './get-key.ts'
import { listConsumers } from './list-consumers.ts'
import { revokeConsumer } from './revoke-consumer.ts'
import type { KeysDatabase } from './tables.ts'
import { updateConsumer } from './update-consumer.ts'

interface EntriesDatabase {
  readonly entries: { readonly stream: string; readonly idx: number; readonly leaf: Uint8Array; readonly details: Uint8Array }
}

/** All that is on record of the workspace, leaves and what lies beside them. */
async function onRecord(world: World): Promise<string> {
  const rows = await world.storage.reader<EntriesDatabase>().selectFrom('entries').selectAll().execute()
  return rows.map(({ leaf, details }) => `${Buffer.from(leaf).toString('utf8')}${Buffer.from(details).toString('utf8')}`).join('\n')
}

test('a consumer is found by the provider\'s own id of it, which is unique in the workspace', async () => {
  const world = await openWorld()
  const made = await write(world, world.services, createConsumer, world.as, { body: { reference: 'cust-1', name: 'Alice' } })
  const found = await read(world, world.services, listConsumers, world.as, { query: { reference: 'cust-1' } })
  assert.deepEqual(found.items, [made])
  await assert.rejects(write(world, world.services, createConsumer, world.as, { body: { reference: 'cust-1' } }), fault('keys/name-taken'))
  await write(world, world.services, createConsumer, world.as, { body: {} })
  await write(world, world.services, createConsumer, world.as, { body: {} })
  await write(world, world.services, createConsumer, { caller: (await world.found()).owner }, { body: { reference: 'cust-1' } })
  await world.close()
})

test('nothing on record says who a consumer is in plain text', async () => {
  const world = await openWorld()
  const { environment, consumer } = await offer(world)
  const params = { consumerId: consumer.consumerId }
  await write(world, world.services, updateConsumer, world.as, { params, body: { name: 'Bob Sample', reference: null } })
  await issue(world, environment.environmentId, { consumerId: consumer.consumerId, name: 'Bob his laptop', ipRanges: ['203.0.113.7/32'] })
  const text = await onRecord(world)
  for (const personal of ['Alice', 'Bob Sample', 'Bob his laptop', 'customer', '203.0.113.7']) assert.ok(!text.includes(personal), `${personal} stands on record`)
  // But it is there, sealed: the entry of the key, of the consumer, and of its change each have a detail of this subject.
  assert.equal(text.split(`"subject":"${consumer.consumerId}","sealed"`).length - 1, 3)
  await world.close()
})

test('what is left out of an update stays, null takes it away', async () => {
  const world = await openWorld()
  const { consumer } = await offer(world)
  const params = { consumerId: consumer.consumerId }
  const update = (body: Parameters<typeof updateConsumer.decide>[0]['body']) => write(world, world.services, updateConsumer, world.as, { params, body })
  assert.deepEqual(await update({ name: 'Bob' }), { ...consumer, version: 2, name: 'Bob' })
  assert.deepEqual(await update({ reference: null }), { ...consumer, version: 3, name: 'Bob', reference: null })
  await world.close()
})

test('K7: revoking a consumer is one row, and refuses all its keys and no other', async () => {
  const world = await openWorld()
  const { environment, consumer } = await offer(world)
  const { consumerId } = consumer
  const [own, second, other] = [
    await issue(world, environment.environmentId, { consumerId }), await issue(world, environment.environmentId, { consumerId }), await issue(world, environment.environmentId),
  ]
  assert.equal(await codeOf(world, own.secret), 'valid')
  await write(world, world.services, revokeConsumer, world.as, { params: { consumerId }, body: { reason: 'affiliation-changed' } })
  assert.deepEqual([await codeOf(world, own.secret), await codeOf(world, second.secret), await codeOf(world, other.secret)], ['revoked', 'revoked', 'valid'])
  await assert.rejects(issue(world, environment.environmentId, { consumerId }), fault('keys/already-revoked'))
  await assert.rejects(write(world, world.services, updateConsumer, world.as, { params: { consumerId }, body: { name: 'Other' } }), fault('keys/already-revoked'))
  await assert.rejects(write(world, world.services, revokeConsumer, world.as, { params: { consumerId }, body: { reason: 'superseded' } }), fault('keys/already-revoked'))
  await world.close()
})

test('erasing a consumer revokes it, forgets who it was, and destroys the key of its details', async () => {
  const world = await openWorld()
  const { environment, consumer } = await offer(world)
  const { consumerId } = consumer
  const key = await issue(world, environment.environmentId, { consumerId })
  const erased = await write(world, world.services, eraseConsumerOperation, world.as, { params: { consumerId } })
  assert.deepEqual([erased.name, erased.reference, erased.status], [null, null, 'revoked'])
  assert.notEqual(erased.erasedAt, null)
  assert.equal(await codeOf(world, key.secret), 'revoked')
  assert.equal(await world.keyring.has(subjectKey(world.tenant.workspaceId, consumerId)), false)
  await assert.rejects(write(world, world.services, eraseConsumerOperation, world.as, { params: { consumerId } }), fault('keys/already-revoked'))
  // Its reference is free again.
  await write(world, world.services, createConsumer, world.as, { body: { reference: consumer.reference as string } })
  await world.close()
})

test('erasing a consumer revokes its keys and empties them of all that may tell who it was, so many a time and the rest by erasing again', async () => {
  const world = await openWorld()
  const { environment, consumer } = await offer(world)
  const { consumerId } = consumer
  const terms = { consumerId, name: 'phone of Alice', ipRanges: ['203.0.113.7/32'], origins: ['https://alice.example'], timeWindow: { days: [1], from: '08:00', to: '09:00' } }
  const keys: { readonly keyId: string; readonly secret: string }[] = []
  for (let made = 0; made <= keysErasedMax; made++) keys.push(await issue(world, environment.environmentId, terms))
  const other = await issue(world, environment.environmentId, { name: 'phone of Bob' })
  const params = { consumerId }
  const isEmpty = async (keyId: string): Promise<boolean> => {
    const { name, ipRanges, origins, timeWindow, status } = await read(world, world.services, getKey, world.as, { params: { keyId } })
    return name === '' && ipRanges.length === 0 && origins.length === 0 && timeWindow === null && status === 'revoked'
  }
  const countEmpty = async () => (await Promise.all(keys.map(({ keyId }) => isEmpty(keyId)))).filter(Boolean).length
  const erased = await write(world, world.services, eraseConsumerOperation, world.as, { params })
  assert.equal(await countEmpty(), keysErasedMax)
  world.pass(1_000)
  const again = await write(world, world.services, eraseConsumerOperation, world.as, { params })
  assert.equal(again.erasedAt, erased.erasedAt)
  assert.equal(await countEmpty(), keysErasedMax + 1)
  await assert.rejects(write(world, world.services, eraseConsumerOperation, world.as, { params }), fault('keys/already-revoked'))
  const rows = await world.storage.reader<KeysDatabase>().selectFrom('keys').selectAll().execute()
  assert.doesNotMatch(JSON.stringify(rows), /Alice|alice|203\.0\.113/)
  for (const { secret } of keys) assert.equal(await codeOf(world, secret), 'revoked')
  assert.equal(await codeOf(world, other.secret), 'valid')
  await world.close()
})

test('a consumer that was revoked before can still be erased, and keeps when and why it was revoked', async () => {
  const world = await openWorld()
  const { consumer } = await offer(world)
  const params = { consumerId: consumer.consumerId }
  const revoked = await write(world, world.services, revokeConsumer, world.as, { params, body: { reason: 'key-compromise' } })
  world.pass(1_000)
  const erased = await write(world, world.services, eraseConsumerOperation, world.as, { params })
  assert.deepEqual([erased.revokedAt, erased.revocationReason], [revoked.revokedAt, 'key-compromise'])
  await world.close()
})

test('K5: another workspace neither finds, changes, revokes nor erases a consumer, nor gives it keys', async () => {
  const world = await openWorld()
  const { consumer } = await offer(world)
  const tenant = await world.found()
  const as = { caller: tenant.owner }
  const params = { consumerId: consumer.consumerId }
  assert.equal((await read(world, world.services, listConsumers, as, {})).items.length, 0)
  await assert.rejects(read(world, world.services, getConsumer, as, { params }), fault('keys/consumer-not-found'))
  await assert.rejects(write(world, world.services, updateConsumer, as, { params, body: { name: 'Other' } }), fault('keys/consumer-not-found'))
  await assert.rejects(write(world, world.services, revokeConsumer, as, { params, body: { reason: 'superseded' } }), fault('keys/consumer-not-found'))
  await assert.rejects(write(world, world.services, eraseConsumerOperation, as, { params }), fault('keys/consumer-not-found'))
  const theirs = await offer(world, { as })
  await assert.rejects(issue(world, theirs.environment.environmentId, { consumerId: consumer.consumerId }, as), fault('keys/consumer-not-found'))
  await world.close()
})
