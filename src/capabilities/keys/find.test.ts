import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  requireAnyApi, requireAnyConsumer, requireAnyEnvironment, requireAnyKey, requireApi, requireConsumer, requireEnvironment, requireKey,
} from './find.ts'
import { fault, issue, offer, openWorld, type World } from './fixtures/world.ts'

/** Of each kind: its table, both look-ups, and the code of a row that is not there. */
const kinds = {
  api: ['apis', requireApi, requireAnyApi, 'keys/api-not-found'],
  environment: ['environments', requireEnvironment, requireAnyEnvironment, 'keys/environment-not-found'],
  consumer: ['consumers', requireConsumer, requireAnyConsumer, 'keys/consumer-not-found'],
  key: ['keys', requireKey, requireAnyKey, 'keys/not-found'],
} as const

async function idsOf(world: World): Promise<Readonly<Record<keyof typeof kinds, string>>> {
  const { api, environment, consumer } = await offer(world)
  const { keyId } = await issue(world, environment.environmentId)
  return { api: api.apiId, environment: environment.environmentId, consumer: consumer.consumerId, key: keyId }
}

test('K5: a row of another workspace is not found, and neither is one that never was: nobody can tell them apart', async () => {
  const world = await openWorld()
  const ids = await idsOf(world)
  const { workspaceId } = world.tenant
  const foreign = (await world.found()).workspaceId
  for (const [kind, [, require, requireAny, code]] of Object.entries(kinds)) {
    const id = ids[kind as keyof typeof kinds]
    assert.equal((await require(world, workspaceId, id)).id, id)
    assert.deepEqual((({ genuine, row }) => [genuine, row.id])(await requireAny(world, workspaceId, id)), [true, id])
    const messages = new Set<string>()
    for (const find of [require, requireAny]) {
      for (const [of, wanted] of [[foreign, id], [workspaceId, `${id.slice(0, 4)}0000000000000000`]] as const) {
        await assert.rejects(find(world, of, wanted), (error) => {
          messages.add((error as Error).message)
          return fault(code)(error)
        })
      }
    }
    assert.equal(messages.size, 1)
  }
  await world.close()
})

test('a row that is not to be believed is not relied on, and is found to be looked at and to be taken away', async () => {
  const world = await openWorld()
  const ids = await idsOf(world)
  const { workspaceId } = world.tenant
  const foreign = (await world.found()).workspaceId
  for (const [kind, [table, require, requireAny, code]] of Object.entries(kinds)) {
    const id = ids[kind as keyof typeof kinds]
    world.guard.distrust(table, id, 1)
    await assert.rejects(require(world, workspaceId, id), fault('storage/tampered'))
    assert.deepEqual((({ genuine, row }) => [genuine, row.id])(await requireAny(world, workspaceId, id)), [false, id])
    await assert.rejects(requireAny(world, foreign, id), fault(code), 'and by nobody else')
  }
  await world.close()
})
