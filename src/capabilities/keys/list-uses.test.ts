import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sectionsCommitment } from '#cap/audit'
import { eraseConsumerOperation } from './erase-consumer.ts'
import { codeOf, fault, issue, offer, openWorld, read, write, type World } from './fixtures/world.ts'
import { listUseBlocks } from './list-use-blocks.ts'
import { listUses } from './list-uses.ts'
import { useBlockTable, type KeysDatabase } from './tables.ts'

type Page = Awaited<ReturnType<typeof listUses.handle>>

const list = (world: World, keyId: string, query: Parameters<typeof listUses.handle>[0]['query'] = {}): Promise<Page> =>
  read(world, world.services, listUses, world.as, { params: { keyId }, query })

async function everyUse(world: World, keyId: string, limit: number): Promise<string[]> {
  const seen: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Page = await list(world, keyId, { limit, ...(cursor === '' ? {} : { cursor }) })
    seen.push(...page.items.map(({ at }) => at))
    cursor = page.nextCursor
  }
  return seen
}

/** A block for each. */
async function cut(world: World): Promise<void> {
  await world.services.uses.flush()
  await world.cutter.cutAll()
}

test('every use of a key is listed once, newest first, whatever the length of the page', async () => {
  const world = await openWorld()
  const { environment, consumer } = await offer(world)
  const key = await issue(world, environment.environmentId, { consumerId: consumer.consumerId })
  const other = await issue(world, environment.environmentId, { consumerId: consumer.consumerId })
  const stranger = await issue(world, environment.environmentId)
  const times: string[] = []
  for (let block = 0; block < 6; block++) {
    for (let use = 0; use < 4; use++) {
      world.pass(1_000)
      for (const { secret } of [key, other, stranger]) await codeOf(world, secret)
      times.push(new Date(world.clock.now()).toISOString())
    }
    await cut(world)
  }
  for (const limit of [1, 3, 4, 5, 24, 200]) assert.deepEqual(await everyUse(world, key.keyId, limit), times.toReversed(), `in pages of ${limit}`)
  await world.close()
})

test('a use tells what was asked, from where, by whom, and what was answered', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const key = await issue(world, environment.environmentId)
  await codeOf(world, key.secret, { clientIp: '::ffff:203.0.113.7', permissions: { all: ['rpc:write'], any: ['rpc:read', 'rpc:admin'] } })
  await codeOf(world, key.secret)
  await cut(world)
  const { items, erased, nextCursor } = await list(world, key.keyId)
  const at = '2026-11-23T12:00:00.000Z'
  const verifierId = world.tenant.owner.principalId
  assert.deepEqual([erased, nextCursor], [false, null])
  assert.deepEqual(items, [
    { at, code: 'valid', clientIp: null, permissions: [], verifierId, count: 1 },
    { at, code: 'permission-denied', clientIp: '203.0.113.7', permissions: ['rpc:write', 'rpc:read', 'rpc:admin'], verifierId, count: 1 },
  ])
  await world.close()
})

test('the uses of an erased consumer are gone, and it is said so', async () => {
  const world = await openWorld()
  const { environment, consumer } = await offer(world)
  const { consumerId } = consumer
  const key = await issue(world, environment.environmentId, { consumerId })
  await codeOf(world, key.secret)
  await cut(world)
  assert.equal((await list(world, key.keyId)).items.length, 1)
  await write(world, world.services, eraseConsumerOperation, world.as, { params: { consumerId } })
  assert.deepEqual(await list(world, key.keyId), { items: [], erased: true, nextCursor: null })
  await world.close()
})

test('K5: uses and blocks of another workspace are not shown', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const key = await issue(world, environment.environmentId)
  await codeOf(world, key.secret)
  await cut(world)
  const theirs = { ...world, as: { caller: (await world.found()).owner } }
  await assert.rejects(list(theirs, key.keyId), fault('keys/not-found'))
  assert.deepEqual(await read(theirs, theirs.services, listUseBlocks, theirs.as, {}), { items: [], nextCursor: null })
  await assert.rejects(list(world, key.keyId, { cursor: 'WyJrZXlzLmxpc3QiLCJrZXlfIl0' }), fault('http/invalid-cursor'))
  await world.close()
})

test('an auditor gets every block with the bytes that its entry commits to, sealed', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const key = await issue(world, environment.environmentId)
  for (let block = 0; block < 5; block++) {
    await codeOf(world, key.secret, { clientIp: '203.0.113.7' })
    await codeOf(world, 'garbage')
    await cut(world)
    world.pass(10)
  }
  const blocks: { blockId: string; environmentId: string | null; uses: number; sections: string }[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Awaited<ReturnType<typeof listUseBlocks.handle>> = await read(world, world.services, listUseBlocks, world.as, { query: { limit: 3, ...(cursor === '' ? {} : { cursor }) } })
    blocks.push(...page.items)
    cursor = page.nextCursor
  }
  assert.equal(blocks.length, 10)
  assert.equal(blocks.filter(({ environmentId }) => environmentId === environment.environmentId).length, 5)
  const rows = await world.storage.reader<{ entries: { leaf: Uint8Array } }>().selectFrom('entries').select('leaf').execute()
  const leaves = rows.map(({ leaf }) => Buffer.from(leaf).toString('utf8'))
  for (const { blockId, sections } of blocks) {
    const bytes = Buffer.from(sections, 'base64')
    assert.ok(leaves.some((leaf) => leaf.includes(`"block":"${blockId}"`) && leaf.includes(`"sections":"${sectionsCommitment(bytes)}"`)))
    assert.ok(!bytes.toString('utf8').includes('203.0.113.7') && !bytes.toString('utf8').includes(key.keyId))
  }
  await world.close()
})

test('a block that was altered is not shown as what was recorded', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const key = await issue(world, environment.environmentId)
  await codeOf(world, key.secret)
  await cut(world)
  const [block] = await world.storage.reader<KeysDatabase>().selectFrom('use_blocks').selectAll().where('environment_id', '=', environment.environmentId).execute()
  assert.ok(block !== undefined)
  const altered = Buffer.from(Buffer.from(block.sections).toString('utf8').replace(/"sealed":"(.)(.)/, '"sealed":"$2$1'), 'utf8')
  await world.storage.commit({
    atMs: 0, expects: [], appends: [], takesAway: false,
    writes: [{ kind: 'update', table: useBlockTable, row: { ...block, version: 2, sections: altered } as never }],
  })
  await assert.rejects(list(world, key.keyId), fault('storage/tampered'))
  await world.close()
})
