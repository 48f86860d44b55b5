import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sectionsCommitment } from '#cap/audit'
import { emptyCommit } from '#core/storage/commit'
import { storageFaults } from '#core/storage/faults'
import { createConsumer } from './create-consumer.ts'
import { eraseConsumerOperation } from './erase-consumer.ts'
import { codeOf, issue, offer, openWorld, read, write, type World } from './fixtures/world.ts'
import { getKey } from './get-key.ts'
import { revokeKey } from './revoke-key.ts'
import { useBatchTable, type KeysDatabase } from './tables.ts'
import { createUseCutter } from './use-cutter.ts'

interface Entry {
  readonly event: string
  readonly target: string
  readonly facts: { readonly block: string; readonly uses: number; readonly denied: number; readonly sections: string }
}

async function entriesOf(world: World, event: string): Promise<Entry[]> {
  const rows = await world.storage.reader<{ entries: { idx: number; leaf: Uint8Array } }>().selectFrom('entries').select('leaf').orderBy('idx').execute()
  return rows.map(({ leaf }) => JSON.parse(Buffer.from(leaf).toString('utf8')) as Entry).filter((entry) => entry.event === event)
}

const blocksOf = (world: World) => world.storage.reader<KeysDatabase>().selectFrom('use_blocks').selectAll().orderBy('id').execute()
const batchesOf = (world: World) => world.storage.reader<KeysDatabase>().selectFrom('use_batches').selectAll().execute()

/** One row of uses on disk for each call. */
async function useAndFlush(world: World, secrets: readonly string[], body = {}): Promise<void> {
  for (const secret of secrets) await codeOf(world, secret, body)
  await world.services.uses.flush()
}

test('K11: uses are cut into one block an environment, each committed to by one leaf, and counted', async () => {
  const world = await openWorld()
  const [first, second] = [await offer(world), await offer(world)]
  const key = await issue(world, first.environment.environmentId, { consumerId: first.consumer.consumerId })
  const other = await issue(world, second.environment.environmentId)
  await useAndFlush(world, [key.secret, key.secret, other.secret])
  world.pass(5_000)
  await useAndFlush(world, [key.secret], { permissions: { all: ['rpc:write'] } })
  await useAndFlush(world, ['acme_live_garbage'])
  assert.equal(await world.cutter.cutAll(), 5)
  assert.deepEqual(await batchesOf(world), [])
  const entries = await entriesOf(world, 'uses.recorded')
  const counts = entries.map(({ target, facts }) => `${target} ${facts.uses} ${facts.denied}`).sort()
  const expected = [`${first.environment.environmentId} 3 1`, `${second.environment.environmentId} 1 0`, `${world.tenant.workspaceId} 1 1`]
  assert.deepEqual(counts, expected.sort())
  const blocks = await blocksOf(world)
  assert.equal(blocks.length, 3)
  for (const block of blocks) {
    const entry = entries.find(({ facts }) => facts.block === block.id)
    assert.equal(entry?.facts.sections, sectionsCommitment(block.sections))
  }
  const shown = await read(world, world.services, getKey, world.as, { params: { keyId: key.keyId } })
  assert.deepEqual([shown.uses, shown.lastUsedAt], [{ valid: 2, denied: 1 }, '2026-11-23T12:00:00.000Z'])
  assert.equal(await world.cutter.cutAll(), 0)
  await world.close()
})

test('K11: a batch is cut once, whoever cuts it at the same time', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const key = await issue(world, environment.environmentId)
  for (let batch = 0; batch < 5; batch++) await useAndFlush(world, [key.secret])
  const others = [createUseCutter(world), createUseCutter(world)]
  const cut = await Promise.all([world.cutter, ...others].map((cutter) => cutter.cutAll()))
  assert.equal(cut.reduce((sum, count) => sum + count), 5)
  const shown = await read(world, world.services, getKey, world.as, { params: { keyId: key.keyId } })
  assert.equal(shown.uses.valid, 5)
  const entries = await entriesOf(world, 'uses.recorded')
  assert.equal(entries.reduce((sum, { facts }) => sum + facts.uses, 0), 5)
  await world.close()
})

test('uses of a consumer that was erased before they were cut are counted, and nothing else is left of them', async () => {
  const world = await openWorld()
  const { environment, consumer } = await offer(world)
  const { consumerId } = consumer
  const [gone, kept] = [await issue(world, environment.environmentId, { consumerId }), await issue(world, environment.environmentId)]
  await useAndFlush(world, [gone.secret, kept.secret], { clientIp: '203.0.113.7' })
  await write(world, world.services, eraseConsumerOperation, world.as, { params: { consumerId } })
  await world.cutter.cutAll()
  const [block] = await blocksOf(world)
  assert.ok(block !== undefined)
  assert.equal(block.use_count, 2)
  const sections = await world.sections.open(world.tenant.workspaceId, block.id, block.sections)
  assert.deepEqual(sections.map(({ subject }) => subject), [environment.environmentId])
  assert.ok(sections.every(({ text }) => !text.includes(gone.keyId)))
  const [entry] = await entriesOf(world, 'uses.recorded')
  assert.equal(entry?.facts.sections, sectionsCommitment(block.sections))
  await world.close()
})

test('a batch that somebody altered is passed over, and holds nobody up', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const key = await issue(world, environment.environmentId)
  await useAndFlush(world, [key.secret])
  const [batch] = await batchesOf(world)
  assert.ok(batch !== undefined)
  await world.storage.commit({
    atMs: 0, expects: [], appends: [], takesAway: false,
    writes: [{ kind: 'update', table: useBatchTable, row: { ...batch, version: 2, uses: Buffer.from('not a use') } as never }],
  })
  world.pass(1)
  await useAndFlush(world, [key.secret])
  assert.equal(await world.cutter.cutAll(), 1)
  assert.deepEqual([...world.cutter.unreadable], [batch.id])
  assert.equal((await batchesOf(world)).length, 1)
  await world.close()
})

test('a batch whose time is no time is passed over, and holds nobody up', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const key = await issue(world, environment.environmentId)
  await useAndFlush(world, [key.secret])
  const [batch] = await batchesOf(world)
  assert.ok(batch !== undefined)
  const uses = Buffer.from(Buffer.from(batch.uses).toString('latin1').replace(/\t[0-9]{13}\t/, '\t9000000000000000\t'), 'latin1')
  await world.storage.commit({ ...emptyCommit, writes: [{ kind: 'update', table: useBatchTable, row: { ...batch, version: 2, uses } as typeof batch }] })
  await useAndFlush(world, [key.secret])
  assert.equal(await world.cutter.cutAll(), 1)
  assert.deepEqual([...world.cutter.unreadable], [batch.id])
  await world.close()
})

test('uses outlast what they are of: a revoked key, and an instance that stopped before cutting', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const key = await issue(world, environment.environmentId)
  await useAndFlush(world, [key.secret])
  await write(world, world.services, revokeKey, world.as, { params: { keyId: key.keyId }, body: { reason: 'superseded' } })
  await useAndFlush(world, [key.secret])
  assert.equal(await createUseCutter(world).cutAll(), 2)
  const shown = await read(world, world.services, getKey, world.as, { params: { keyId: key.keyId } })
  assert.deepEqual(shown.uses, { valid: 1, denied: 1 })
  await world.close()
})

test('what cannot be committed stays to be cut, and the failure is told', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const key = await issue(world, environment.environmentId)
  await useAndFlush(world, [key.secret])
  const recorder = { ...world.recorder, recordChanges: () => Promise.reject(storageFaults.full('The disk is full.')) }
  await assert.rejects(createUseCutter({ ...world, recorder }).cutAll(), /disk is full/)
  assert.equal((await batchesOf(world)).length, 1)
  assert.equal(await world.cutter.cutAll(), 1)
  await world.close()
})

test('many consumers and many batches are cut in bounded commits', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  for (let at = 0; at < 40; at++) {
    const { consumerId } = await write(world, world.services, createConsumer, world.as, { body: {} })
    const key = await issue(world, environment.environmentId, { consumerId })
    await useAndFlush(world, [key.secret])
    world.pass(1)
  }
  assert.equal((await batchesOf(world)).length, 40)
  assert.equal(await world.cutter.cutAll(), 40)
  const blocks = await blocksOf(world)
  assert.ok(blocks.length >= 3 && blocks.every((block) => block.use_count <= 16))
  await world.close()
})
