import assert from 'node:assert/strict'
import type { Migration } from '../storage.ts'
import { boxesOf, put, entry, insertBox, testMigration, type Guarantee } from './harness.ts'

const adds = (id: string, statement: string): Migration => ({ id, statements: () => [statement] })

export function lifeGuarantees(guarantee: Guarantee): void {
  guarantee('the highest time that a commit carried is known after a restart', async (store) => {
    const storage = await store.open()
    assert.equal(storage.highestTimeMs(), 0)
    await put(storage, { atMs: 5_000, appends: [entry('ent_1', { atMs: 5_000 })] })
    await put(storage, { atMs: 4_000, writes: [insertBox('a')] })
    assert.equal(storage.highestTimeMs(), 5_000)
    await storage.close()
    const second = await store.open()
    assert.equal(second.highestTimeMs(), 5_000)
    await put(second, { atMs: 6_000, writes: [insertBox('b')] })
    await assert.rejects(put(second, { atMs: 9_000, writes: [insertBox('b')] }))
    assert.equal(second.highestTimeMs(), 6_000)
    await second.close()
    assert.equal((await store.open()).highestTimeMs(), 6_000)
  })

  guarantee('closing finishes what is under way and refuses what comes later', async (store) => {
    const storage = await store.open()
    const underWay = Array.from({ length: 100 }, (_, index) => put(storage, { writes: [insertBox(`box${index}`)] }))
    const closed = storage.close()
    await assert.rejects(put(storage, { writes: [insertBox('late')] }), { code: 'storage/unavailable' })
    await Promise.all([...underWay, closed])
    assert.equal((await boxesOf(await store.open())).length, 100)
  })

  guarantee('a probe answers', async (store) => {
    await (await store.open()).probe()
  })

  guarantee('migrations are applied once, in order, and new ones later', async (store) => {
    const second = adds('test/0002-colour', 'ALTER TABLE boxes ADD COLUMN colour TEXT')
    const first = await store.open([testMigration])
    await put(first, { writes: [insertBox('a')] })
    await first.close()
    await (await store.open([testMigration, second])).close()
    assert.equal((await boxesOf(await store.open([testMigration, second]))).length, 1)
  })

  guarantee('a migration that has changed is refused', async (store) => {
    await (await store.open([testMigration])).close()
    const changed: Migration = {
      ...testMigration,
      statements: (types) => [...testMigration.statements(types), 'CREATE TABLE more (id TEXT)'],
    }
    await assert.rejects(store.open([changed]), { code: 'storage/migration-changed' })
    assert.equal((await boxesOf(await store.open([testMigration]))).length, 0)
  })

  guarantee('a database that a newer version wrote is refused', async (store) => {
    await (await store.open([testMigration, adds('test/0009-later', 'CREATE TABLE later (id TEXT)')])).close()
    await assert.rejects(store.open([testMigration]), { code: 'storage/too-new' })
  })

  guarantee('a migration that fails leaves nothing', async (store) => {
    const statements = () => ['CREATE TABLE half (id TEXT)', 'CREATE NONSENSE']
    const fails: Migration = { id: 'test/0002-fails', statements }
    await assert.rejects(store.open([testMigration, fails]))
    await (await store.open([testMigration, adds('test/0002-fails', 'CREATE TABLE half (id TEXT)')])).close()
  })
}
