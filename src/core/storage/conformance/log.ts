import assert from 'node:assert/strict'
import { CommitConflict } from '../commit.ts'
import { entriesOfTarget, findEntry } from '../entry-lookup.ts'
import type { Storage } from '../storage.ts'
import { boxesOf, put, entriesOf, entry, insertBox, type Guarantee } from './harness.ts'

export function logGuarantees(guarantee: Guarantee, servers: number): void {
  guarantee('entries come back as they were written', async (store) => {
    const storage = await store.open()
    const leaf = Buffer.alloc(65_535, 'leaf \0 🔑')
    const details = Buffer.from([0, 255])
    const { indexes } = await put(storage, { appends: [entry('ent_1', { leaf, target: 'key_1', details })] })
    assert.deepEqual(indexes, [storage.engine === 'sqlite' ? 0 : null])
    const [read] = await entriesOf(storage, 1)
    assert.ok(read !== undefined)
    assert.deepEqual(
      { ...read, leaf: Buffer.from(read.leaf), details: Buffer.from(read.details) },
      { stream: 'wsp_a', idx: 0, id: 'ent_1', at_ms: 1_000, target: 'key_1', leaf, details },
    )
  })

  guarantee('indexes are dense, and what was acknowledged before another began comes first', async (store) => {
    const first = await store.open()
    const storages: readonly Storage[] = [first, servers === 1 ? first : await store.open()]
    const spans = new Map<string, { readonly began: number; ended: number }>()
    let moment = 0
    await Promise.all(
      Array.from({ length: 12 }, async (_, client) => {
        for (let turn = 0; turn < 12; turn++) {
          const id = `ent_${client}_${turn}`
          const span = { began: ++moment, ended: Infinity }
          spans.set(id, span)
          const stream = (client + turn) % 3 === 0 ? 'wsp_b' : 'wsp_a'
          await put(storages[client % 2] as Storage, { appends: [entry(id, { stream })] })
          span.ended = ++moment
        }
      }),
    )
    const entries = await entriesOf(first, 144)
    for (const stream of ['wsp_a', 'wsp_b']) {
      const ids = entries.filter((row) => row.stream === stream)
      assert.deepEqual(ids.map((row) => row.idx), ids.map((_, index) => index))
      for (const [index, lower] of ids.entries()) {
        for (const higher of ids.slice(index + 1)) {
          const order = `${higher.id} has a higher index than ${lower.id}`
          assert.ok((spans.get(higher.id)?.ended ?? 0) > (spans.get(lower.id)?.began ?? 0), order)
        }
      }
    }
    assert.equal(entries.length, 144)
  })

  guarantee('entries of one commit stand in its order', async (store) => {
    const storage = await store.open()
    const ids = Array.from({ length: 50 }, (_, index) => `ent_${index}`)
    await put(storage, { appends: ids.map((id) => entry(id)) })
    assert.deepEqual((await entriesOf(storage, 50)).map((row) => row.id), ids)
  })

  guarantee('who counts on a log having said nothing of something is refused once it has, and leaves nothing', async (store) => {
    const storage = await store.open()
    const said = (text: string) => ({ leaf: Buffer.from(`{"permissions":["${text}"]}`, 'utf8') })
    await put(storage, { appends: [entry('ent_1', said('é:read'))] })
    await entriesOf(storage, 1)
    // On PostgreSQL it may not have its index yet.
    await put(storage, { appends: [entry('ent_2', said('rpc:write'))] })
    const counting = (text: string, from: number, stream = entry('').stream) =>
      put(storage, { writes: [insertBox(`${text} ${from} ${stream}`)], silences: [{ stream, from, text }] })
    for (const [text, from] of [['"rpc:write"', 0], ['"rpc:write"', 1], ['"é:read"', 0]] as const) {
      await assert.rejects(counting(text, from), (error) => error instanceof CommitConflict && error.kind === 'version')
    }
    await entriesOf(storage, 2)
    await counting('"rpc:write"', 2)
    await counting('"é:read"', 1)
    await counting('"rpc"', 0)
    await counting('"rpc:write"', 0, 'another')
    assert.equal((await boxesOf(storage)).length, 4)
  })

  guarantee('numbering goes on after a restart', async (store) => {
    const storage = await store.open()
    await put(storage, { appends: [entry('ent_1'), entry('ent_2')] })
    await entriesOf(storage, 2)
    await storage.close()
    const again = await store.open()
    await put(again, { appends: [entry('ent_3')] })
    assert.deepEqual((await entriesOf(again, 3)).map((row) => row.idx), [0, 1, 2])
  })

  guarantee('an entry is found by its id, and all of a target, newest first, across runs', async (store) => {
    const storage = await store.open()
    const targetOf = (index: number): string => (index % 1_000 === 7 ? 'key_7' : '')
    const appends = Array.from({ length: 5_000 }, (_, index) => entry(`ent_${index}`, { target: targetOf(index) }))
    for (let from = 0; from < appends.length; from += 1_000) {
      const other = entry(`ent_other_${from}`, { stream: 'wsp_b', target: 'key_7' })
      await put(storage, { appends: [...appends.slice(from, from + 1_000), other] })
    }
    await entriesOf(storage, 5_005)
    const reader = storage.reader<never>()
    for (const index of [0, 2_047, 2_048, 4_999]) {
      assert.equal((await findEntry(reader, 'wsp_a', `ent_${index}`))?.idx, index)
    }
    assert.equal(await findEntry(reader, 'wsp_b', 'ent_0'), null)
    assert.equal(await findEntry(reader, 'wsp_none', 'ent_0'), null)
    const indexes = async (options: { before?: number; limit: number }) =>
      (await entriesOfTarget(reader, 'wsp_a', 'key_7', options)).map((row) => row.idx)
    assert.deepEqual(await indexes({ limit: 100 }), [4_007, 3_007, 2_007, 1_007, 7])
    assert.deepEqual(await indexes({ limit: 2 }), [4_007, 3_007])
    assert.deepEqual(await indexes({ before: 3_007, limit: 2 }), [2_007, 1_007])
  })
}
