import assert from 'node:assert/strict'
import { sql } from 'kysely'
import { InvariantViolation } from '#core/base/assert'
import { canonicalJson } from '#core/base/json'
import type { RowWrite } from '../commit.ts'
import {
  box, boxesOf, put, counterTable, doorTable, insertBox, seal, type CounterRow, type Guarantee, type TestTables,
} from './harness.ts'

const merge = (hits: number | null, lastMs: number | null, note: string | null): RowWrite => {
  const row: CounterRow = { id: 'a', version: 1, hits, last_ms: lastMs, note }
  return { kind: 'merge', table: counterTable, rows: [row] }
}

export function rowGuarantees(guarantee: Guarantee): void {
  guarantee('values come back as they were written', async (store) => {
    const storage = await store.open()
    const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    const list = [1, -0.5, 1e21, null, true]
    const facts = canonicalJson({ text: 'NUL \0, ☃, 🔑, "quoted"', list, nested: { b: 1, a: 2 } })
    const written = [
      box('bytes', 1, { content: everyByte }),
      box('empty', 1, { label: '', content: Buffer.alloc(0) }),
      box('json', 1, { facts }),
      box('large', 1, { content: Buffer.alloc(1_000_000, 'claviger') }),
      box('nulls'),
      box('numbers', 1, { label: 'max', size: Number.MAX_SAFE_INTEGER }),
      box('numbers2', 1, { label: 'min', size: Number.MIN_SAFE_INTEGER }),
      box('text', 1, { label: 'é ☃ 🔑 \u{10ffff} ￿ \' " \\ \n' }),
    ]
    await put(storage, { writes: written.map((row) => insertBox(row.id, row)) })
    const read = await boxesOf(storage)
    const comparable = read.map((row) => ({ ...row, content: row.content === null ? null : Buffer.from(row.content) }))
    assert.deepEqual(comparable, written)
  })

  guarantee('text sorts by its bytes', async (store) => {
    const storage = await store.open()
    const ids = ['B', 'a', 'Z', '_', 'é', 'ab', 'a_', 'aB', '🔑', '￿']
    await put(storage, { writes: ids.map((id) => insertBox(id)) })
    const sorted = ids.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    assert.deepEqual((await boxesOf(storage)).map((row) => row.id), sorted)
  })

  guarantee('text that one engine could not hold, and unsafe integers, are refused by both', async (store) => {
    const storage = await store.open()
    for (const wrong of [{ label: 'a\0b' }, { label: '\ud800' }, { size: 2 ** 53 }, { size: 0.5 }, { size: NaN }]) {
      await assert.rejects(put(storage, { writes: [insertBox('a', wrong)] }), InvariantViolation)
    }
    assert.deepEqual(await boxesOf(storage), [])
  })

  guarantee('merges add, keep the highest, and replace, as the columns say; null counts for nothing', async (store) => {
    const storage = await store.open()
    const query = storage.reader<TestTables>().selectFrom('counters').selectAll()
    const counter = async () => ({ ...(await query.executeTakeFirst()) })
    await put(storage, { writes: [merge(2, 50, 'one')] })
    assert.deepEqual(await counter(), { id: 'a', version: 1, hits: 2, last_ms: 50, note: 'one' })
    await put(storage, { writes: [merge(3, 40, 'two'), merge(1, 60, null)] })
    assert.deepEqual(await counter(), { id: 'a', version: 3, hits: 6, last_ms: 60, note: null })
    await put(storage, { writes: [merge(null, null, 'three')] })
    assert.deepEqual(await counter(), { id: 'a', version: 4, hits: 6, last_ms: 60, note: 'three' })
    await Promise.all(Array.from({ length: 20 }, (_, index) => put(storage, { writes: [merge(1, index, 'many')] })))
    assert.deepEqual(await counter(), { id: 'a', version: 24, hits: 26, last_ms: 60, note: 'many' })
  })

  guarantee('many rows are merged at once, each with what stands there; in another order, or twice, they are refused', async (store) => {
    const storage = await store.open()
    const counter = (id: string, more: Partial<CounterRow> = {}): CounterRow => ({ id, version: 1, hits: 1, last_ms: Number.MAX_SAFE_INTEGER, note: null, ...more })
    const mergeAll = (...rows: readonly CounterRow[]) => put(storage, { writes: [{ kind: 'merge', table: counterTable, rows }] })
    await mergeAll(counter('a'), counter('b', { note: 'é ☃ 🔑 \' " \\ \n' }))
    await mergeAll(counter('b', { note: '1' }), counter('c', { hits: null }))
    await mergeAll()
    const found = await storage.reader<TestTables>().selectFrom('counters').selectAll().orderBy('id').execute()
    assert.deepEqual(found.map((row) => ({ ...row })), [
      counter('a'), counter('b', { version: 2, hits: 2, note: '1' }), counter('c', { hits: null }),
    ])
    await assert.rejects(mergeAll(counter('e'), counter('d')), InvariantViolation)
    await assert.rejects(mergeAll(counter('d'), counter('d')), InvariantViolation)
  })

  guarantee('a guarded row has a head with its newest version and digest, also when it is gone', async (store) => {
    const storage = await store.open()
    const reader = storage.reader<TestTables>()
    const heads = async () => (await reader.selectFrom('row_heads').selectAll().execute()).map((head) => ({ ...head }))
    const door = (version: number, byte: number) => ({
      table: doorTable, row: { id: 'a', version, label: 'front' }, seal: seal(byte),
    })
    await put(storage, { writes: [{ kind: 'insert', ...door(1, 1) }] })
    assert.deepEqual(await heads(), [{ id: 'doors/a', version: 1, digest: Buffer.alloc(32, 1).toString('base64url') }])
    const stored = await reader.selectFrom('doors').selectAll().executeTakeFirstOrThrow()
    assert.deepEqual([Buffer.from(stored.salt), Buffer.from(stored.mac)], [Buffer.alloc(16, 1), Buffer.alloc(32, 1)])
    await put(storage, { writes: [{ kind: 'update', ...door(2, 2) }] })
    assert.deepEqual(await heads(), [{ id: 'doors/a', version: 2, digest: Buffer.alloc(32, 2).toString('base64url') }])
    await assert.rejects(put(storage, { writes: [{ kind: 'update', ...door(2, 3) }] }))
    await put(storage, { writes: [{ kind: 'delete', table: doorTable, id: 'a', version: 3 }] })
    assert.deepEqual(await heads(), [{ id: 'doors/a', version: 3, digest: '' }])
  })

  guarantee('a guarded row is never written without its seal, or merged', async (store) => {
    const storage = await store.open()
    const row = { id: 'a', version: 1, label: 'front' }
    for (const write of [{ kind: 'insert', table: doorTable, row }, { kind: 'merge', table: doorTable, rows: [row] }] as const) {
      await assert.rejects(put(storage, { writes: [write] }), InvariantViolation)
    }
  })

  guarantee('a reader cannot write', async (store) => {
    const storage = await store.open()
    await put(storage, { writes: [insertBox('a')] })
    const reader = storage.reader<TestTables>()
    const attempts = [
      () => reader.deleteFrom('boxes').execute(),
      () => reader.updateTable('boxes').set({ label: 'mine' }).execute(),
      () => sql`CREATE TABLE mine (id TEXT)`.execute(reader),
    ]
    for (const attempt of attempts) await assert.rejects(attempt, { code: 'storage/read-only' })
    assert.deepEqual((await boxesOf(storage)).map((row) => ({ ...row })), [box('a')])
    await put(storage, { writes: [insertBox('b')] })
  })
}
