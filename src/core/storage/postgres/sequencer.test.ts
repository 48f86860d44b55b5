import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { entriesOf, entry, put } from '../conformance/harness.ts'
import type { Storage } from '../storage.ts'
import { skip, withServer, withServers } from './fixture.ts'

const insertPending = `INSERT INTO entries_pending (stream, id, at_ms, target, leaf, details)
  VALUES ('wsp_a', $1, $2, '', '', '')`

test('an entry whose transaction ends late is numbered after those that were acknowledged meanwhile', { skip }, () =>
  withServer(async (storage, client) => {
    await client.query('BEGIN')
    await client.query(insertPending, ['ent_slow', 1])
    await put(storage, { appends: [entry('ent_quick')] })
    assert.deepEqual((await entriesOf(storage, 1)).map((row) => row.id), ['ent_quick'])
    await client.query('COMMIT')
    assert.deepEqual((await entriesOf(storage, 2)).map((row) => [row.idx, row.id]), [[0, 'ent_quick'], [1, 'ent_slow']])
  }))

test('entries that a server left behind are numbered by another', { skip }, () =>
  withServer(async (storage, client) => {
    await client.query(insertPending, ['ent_1', 7_000])
    assert.equal((await entriesOf(storage, 1)).length, 1)
    assert.equal(storage.highestTimeMs(), 7_000)
  }))

test('while one server holds the sequencer no other numbers anything; the epoch tells of the change', { skip }, () =>
  withServers(2, async ([first, second], client) => {
    assert.ok(first !== undefined && second !== undefined)
    await client.query('BEGIN')
    await client.query(`UPDATE sequencer SET epoch = epoch + 1, holder = 'stranger'`)
    await Promise.all([first, second].map((storage, index) => put(storage, { appends: [entry(`ent_${index}`)] })))
    await sleep(300)
    assert.equal((await client.query('SELECT 1 FROM entries')).rowCount, 0)
    await client.query('COMMIT')
    assert.deepEqual((await entriesOf(first, 2)).map((row) => row.idx), [0, 1])
    const { rows } = await client.query<{ holder: string; epoch: string }>('SELECT holder, epoch FROM sequencer')
    assert.notEqual(rows[0]?.holder, 'stranger')
    assert.ok(Number(rows[0]?.epoch) >= 2)
  }))

test('two servers that sequence at once leave no gap and no double', { skip }, () =>
  withServers(2, async (storages) => {
    await Promise.all(Array.from({ length: 300 }, (_, index) =>
      put(storages[index % 2] as Storage, { appends: [entry(`ent_${index}`, { stream: `wsp_${index % 3}` })] })))
    const entries = await entriesOf(storages[0] as Storage, 300)
    for (const stream of ['wsp_0', 'wsp_1', 'wsp_2']) {
      const indexes = entries.filter((row) => row.stream === stream).map((row) => row.idx)
      assert.deepEqual(indexes, Array.from({ length: 100 }, (_, index) => index))
    }
    assert.equal(new Set(entries.map((row) => row.id)).size, 300)
  }))
