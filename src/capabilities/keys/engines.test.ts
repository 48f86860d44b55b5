/** What this room asks of a database in its own SQL, on both engines. */
import assert from 'node:assert/strict'
import type { Kysely } from 'kysely'
import { createApi } from './create-api.ts'
import { disableKey } from './disable-key.ts'
import { enableKey } from './enable-key.ts'
import { onBothEngines } from './fixtures/engines.ts'
import { eraseConsumerOperation } from './erase-consumer.ts'
import { codeOf, fault, issue, offer, read, write, type World } from './fixtures/world.ts'
import { getKey } from './get-key.ts'
import { listApis } from './list-apis.ts'
import { listConsumers } from './list-consumers.ts'
import { listEnvironments } from './list-environments.ts'
import { listKeys } from './list-keys.ts'
import { listUseBlocks } from './list-use-blocks.ts'
import { listUses } from './list-uses.ts'
import { revokeApi } from './revoke-api.ts'
import { revokeConsumer } from './revoke-consumer.ts'
import { revokeEnvironment } from './revoke-environment.ts'
import { revokeKey } from './revoke-key.ts'
import { updateApi } from './update-api.ts'
import { createUseCutter } from './use-cutter.ts'

const body = { reason: 'superseded' } as const

onBothEngines('a key lives and ends, by itself and with what is above it, for the very next verification', async (world) => {
  const { services, as } = world
  const [one, two, three] = [await offer(world), await offer(world), await offer(world)]
  const keys = [
    await issue(world, one.environment.environmentId), await issue(world, one.environment.environmentId, { consumerId: one.consumer.consumerId }),
    await issue(world, two.environment.environmentId), await issue(world, three.environment.environmentId),
  ]
  const codes = async () => Promise.all(keys.map(({ secret }) => codeOf(world, secret)))
  assert.deepEqual(await codes(), ['valid', 'valid', 'valid', 'valid'])
  const params = { keyId: keys[0]!.keyId }
  await write(world, services, disableKey, as, { params })
  await write(world, services, revokeConsumer, as, { params: { consumerId: one.consumer.consumerId }, body })
  await write(world, services, revokeEnvironment, as, { params: { environmentId: two.environment.environmentId }, body })
  await write(world, services, revokeApi, as, { params: { apiId: three.api.apiId }, body })
  assert.deepEqual(await codes(), ['disabled', 'revoked', 'revoked', 'revoked'])
  await write(world, services, enableKey, as, { params })
  assert.equal((await codes())[0], 'valid')
  await write(world, services, revokeKey, as, { params, body })
  assert.equal((await codes())[0], 'revoked')
})

onBothEngines('names that are taken are told by the index that says so', async (world) => {
  const { api } = await offer(world)
  const wanted = { slug: 'other', name: 'Other', prefix: 'other', permissions: [] }
  await assert.rejects(write(world, world.services, createApi, world.as, { body: { ...wanted, slug: api.slug } }), fault('keys/name-taken'))
  await assert.rejects(write(world, world.services, createApi, world.as, { body: { ...wanted, prefix: api.prefix } }), fault('keys/name-taken'))
})

onBothEngines('a permission in use is found', async (world) => {
  const { api, environment } = await offer(world)
  await issue(world, environment.environmentId)
  const without = (name: string) => ({ params: { apiId: api.apiId }, body: { permissions: api.permissions.filter((permission) => permission.name !== name) } })
  await assert.rejects(write(world, world.services, updateApi, world.as, without('rpc:read')), fault('keys/permission-in-use'))
  await write(world, world.services, updateApi, world.as, without('rpc:write'))
})

/** The same services, which do something once they have read so many times. */
function afterReads(world: World, count: number, act: () => Promise<unknown>) {
  let reads = 0
  const reader = world.storage.reader<unknown>().withPlugin({
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      if (++reads === count) await act()
      return result
    },
  })
  const services = { ...world.services, storage: { ...world.services.storage, reader: <Tables>() => reader as Kysely<Tables> } }
  return { services, reads: () => reads }
}

onBothEngines('a permission that a key is given meanwhile stays in the catalogue', async (world) => {
  const [one, two] = [await offer(world), await offer(world)]
  const without = ({ api }: typeof one) => ({ params: { apiId: api.apiId }, body: { permissions: api.permissions.filter(({ name }) => name !== 'rpc:write') } })
  const rehearsal = afterReads(world, Infinity, () => Promise.resolve())
  await write(world, rehearsal.services, updateApi, world.as, without(one))
  const meanwhile = afterReads(world, rehearsal.reads(), () => issue(world, two.environment.environmentId, { permissions: ['rpc:write'] }))
  await assert.rejects(write(world, meanwhile.services, updateApi, world.as, without(two)), fault('keys/permission-in-use'))
  assert.ok(meanwhile.reads() > rehearsal.reads())
})

onBothEngines('K13: a key that is given to a consumer while it is erased is erased with it', async (world) => {
  const erase = (services: World['services'], consumerId: string) => write(world, services, eraseConsumerOperation, world.as, { params: { consumerId } })
  const rehearsal = afterReads(world, Infinity, () => Promise.resolve())
  await erase(rehearsal.services, (await offer(world)).consumer.consumerId)
  for (let count = 1; count <= rehearsal.reads(); count++) {
    const { environment, consumer } = await offer(world)
    const meanwhile = afterReads(world, count, () => issue(world, environment.environmentId, { consumerId: consumer.consumerId, name: 'of somebody' }))
    await erase(meanwhile.services, consumer.consumerId)
    const { items } = await read(world, world.services, listKeys, world.as, { query: { consumerId: consumer.consumerId } })
    assert.deepEqual(items.map(({ name, status }) => [name, status]), [['', 'revoked']], `given after ${count} of ${rehearsal.reads()} reads`)
  }
})

onBothEngines('K11: uses are cut once by several cutters, counted, listed, and gone with their consumer', async (world) => {
  const { services, as } = world
  const { environment, consumer } = await offer(world)
  const { consumerId } = consumer
  const key = await issue(world, environment.environmentId, { consumerId })
  for (let use = 0; use < 6; use++) {
    world.pass(1_000)
    await codeOf(world, key.secret, use % 3 === 2 ? { permissions: { all: ['rpc:write'] } } : {})
    await services.uses.flush()
  }
  const cut = await Promise.all([world.cutter, createUseCutter(world)].map((cutter) => cutter.cutAll()))
  assert.equal(cut.reduce((sum, count) => sum + count), 6)
  const params = { keyId: key.keyId }
  const shown = await read(world, services, getKey, as, { params })
  assert.deepEqual(shown.uses, { valid: 4, denied: 2 })
  const seen: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Awaited<ReturnType<typeof listUses.handle>> = await read(world, services, listUses, as, { params, query: { limit: 2, ...(cursor === '' ? {} : { cursor }) } })
    seen.push(...page.items.map(({ at }) => at))
    cursor = page.nextCursor
  }
  assert.equal(new Set(seen).size, 6)
  assert.deepEqual(seen, seen.toSorted().reverse())
  const blocks = await read(world, services, listUseBlocks, as, {})
  assert.equal(blocks.items.reduce((sum, { uses }) => sum + uses, 0), 6)
  await write(world, services, eraseConsumerOperation, as, { params: { consumerId } })
  assert.equal((await read(world, services, listUses, as, { params })).erased, true)
})

onBothEngines('lists of APIs, environments and consumers begin with the newest and page without a gap', async (world) => {
  const offered: Awaited<ReturnType<typeof offer>>[] = []
  for (const pauseMs of [0, 0, 7]) {
    world.pass(pauseMs)
    offered.push(await offer(world))
  }
  const page = { limit: 200 }
  const { services, as } = world
  assert.equal((await read(world, services, listApis, as, { query: page })).items.length, 4)
  assert.equal((await read(world, services, listEnvironments, as, { query: { ...page, apiId: offered[0]!.api.apiId } })).items.length, 1)
  const seen: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const found: Awaited<ReturnType<typeof listConsumers.handle>> = await read(world, services, listConsumers, as, { query: { limit: 1, ...(cursor === '' ? {} : { cursor }) } })
    seen.push(...found.items.map(({ consumerId, genuine }) => (genuine ? consumerId : 'altered')))
    cursor = found.nextCursor
  }
  const newestFirst = offered.map(({ consumer }) => consumer).sort((a, b) => (`${a.createdAt} ${a.consumerId}` < `${b.createdAt} ${b.consumerId}` ? 1 : -1))
  assert.deepEqual(seen, newestFirst.map(({ consumerId }) => consumerId))
})
