/** Many keys; the quick ones are in `list-keys.test.ts`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requireKey } from './find.ts'
import { issue, offer, openWorld, read, type World } from './fixtures/world.ts'
import { listKeys } from './list-keys.ts'
import { keyTable } from './tables.ts'

type Query = Parameters<typeof listKeys.handle>[0]['query']

const list = (world: World, query: Query = {}) => read(world, world.services, listKeys, world.as, { query })

test('pages are bounded work: they end early when little of much fits, and join without a gap', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const template = await issue(world, environment.environmentId)
  const row = await requireKey(world, world.tenant.workspaceId, template.keyId)
  const ids = Array.from({ length: 12_000 }, () => `key_${world.random.base62(16)}`)
  // Those at both sides of where one look ends and the next begins, and a few in between. Many were made in the same millisecond.
  const createdAtMs = new Map(ids.map((id, at) => [id, row.created_at_ms + 1 + (at % 50)]))
  const order = [...ids].sort((a, b) => (createdAtMs.get(b) ?? 0) - (createdAtMs.get(a) ?? 0) || (a < b ? 1 : -1))
  const wanted = order.filter((_id, at) => (at % 1_777 === 0 || [4_998, 4_999, 5_000, 9_999, 10_000].includes(at)))
  for (let at = 0; at < ids.length; at += 1_000) {
    const rows = ids.slice(at, at + 1_000).map((id) => ({ ...row, id, version: 1, created_at_ms: createdAtMs.get(id) ?? 0, name: wanted.includes(id) ? 'rare' : 'common' }))
    await world.storage.commit({
      atMs: 0, expects: [], appends: [], takesAway: false,
      writes: rows.map((written) => ({ kind: 'insert', table: keyTable, row: written, seal: world.guard.seal(keyTable, written) })),
    })
  }
  const found: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Awaited<ReturnType<typeof list>> = await list(world, { search: 'rare', limit: 7, ...(cursor === '' ? {} : { cursor }) })
    found.push(...page.items.map(({ keyId, genuine }) => (genuine ? keyId : 'not genuine')))
    cursor = page.nextCursor
  }
  assert.deepEqual(found, wanted)
  await world.close()
})
