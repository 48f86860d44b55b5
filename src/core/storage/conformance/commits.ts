import assert from 'node:assert/strict'
import { InvariantViolation } from '#core/base/assert'
import {
  box, boxesOf, boxIs, commitOf, conflict, deleteBox, entriesOf, entry, insertBox, put, updateBox, type Guarantee,
} from './harness.ts'

export function commitGuarantees(guarantee: Guarantee): void {
  guarantee('what was committed can be read at once', async (store) => {
    const storage = await store.open()
    await put(storage, { writes: [insertBox('a'), insertBox('b')] })
    await put(storage, { writes: [updateBox('a', 2, { size: 7 }), deleteBox('b', 2)] })
    assert.deepEqual((await boxesOf(storage)).map((row) => ({ ...row })), [box('a', 2, { size: 7 })])
  })

  guarantee('a commit that conflicts in its last write leaves nothing', async (store) => {
    const storage = await store.open()
    await put(storage, { writes: [insertBox('a')] })
    const writes = [insertBox('b'), updateBox('a', 2), deleteBox('a', 9)]
    const doomed = commitOf({ writes, appends: [entry('ent_1')] })
    await assert.rejects(storage.commit(doomed), conflict('version', 'boxes'))
    await put(storage, { appends: [entry('ent_2')] })
    assert.deepEqual((await boxesOf(storage)).map((row) => [row.id, row.version]), [['a', 1]])
    assert.deepEqual((await entriesOf(storage, 1)).map((row) => [row.id, row.idx]), [['ent_2', 0]])
  })

  guarantee('a conflict undoes its own commit and none beside it', async (store) => {
    const storage = await store.open()
    await put(storage, { writes: [insertBox('a')] })
    const outcomes = await Promise.allSettled([
      put(storage, { writes: [insertBox('b')], appends: [entry('ent_b')] }),
      put(storage, { writes: [insertBox('c'), updateBox('a', 5)], appends: [entry('ent_c')] }),
      put(storage, { writes: [insertBox('d')], appends: [entry('ent_d')] }),
    ])
    assert.deepEqual(outcomes.map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled'])
    assert.deepEqual((await boxesOf(storage)).map((row) => row.id), ['a', 'b', 'd'])
    const entries = await entriesOf(storage, 2)
    assert.deepEqual(entries.map((row) => row.idx), [0, 1])
    assert.deepEqual(entries.map((row) => row.id).sort(), ['ent_b', 'ent_d'])
  })

  guarantee('an update or a deletion of a version that has moved on is refused', async (store) => {
    const storage = await store.open()
    await put(storage, { writes: [insertBox('a')] })
    await put(storage, { writes: [updateBox('a', 2)] })
    await assert.rejects(put(storage, { writes: [updateBox('a', 2)] }), conflict('version', 'boxes'))
    await assert.rejects(put(storage, { writes: [deleteBox('a', 2)] }), conflict('version', 'boxes'))
    await assert.rejects(put(storage, { writes: [updateBox('b', 2)] }), conflict('version', 'boxes'))
    assert.deepEqual((await boxesOf(storage)).map((row) => row.version), [2])
  })

  guarantee('a taken name or id is refused by the name of its index', async (store) => {
    const storage = await store.open()
    await put(storage, { writes: [insertBox('a', { label: 'one' })] })
    const sameLabel = commitOf({ writes: [insertBox('b', { label: 'one' })] })
    await assert.rejects(storage.commit(sameLabel), conflict('unique', 'boxes', 'boxes_label'))
    await assert.rejects(put(storage, { writes: [insertBox('a')] }), conflict('unique', 'boxes', 'boxes_pkey'))
  })

  guarantee('a row that was read must still be as it was', async (store) => {
    const storage = await store.open()
    await put(storage, { writes: [insertBox('a')] })
    await put(storage, { expects: [boxIs('a', 1), boxIs('z', 0)], writes: [insertBox('b')] })
    const stale = [[boxIs('a', 2)], [boxIs('z', 1)], [boxIs('a', 0)], [boxIs('a', 1), boxIs('b', 0)]]
    for (const expects of stale) {
      await assert.rejects(put(storage, { expects, writes: [insertBox('c')] }), conflict('version', 'boxes'))
    }
    assert.deepEqual((await boxesOf(storage)).map((row) => row.id), ['a', 'b'])
  })

  guarantee('a commit that the database cannot run is a defect, and harms no other', async (store) => {
    const storage = await store.open()
    // A null where the schema has NOT NULL: no table's type would allow it.
    const wrong = commitOf({ writes: [insertBox('a'), insertBox('b', { label: null as never })] })
    const right = commitOf({ writes: [insertBox('c')] })
    const [first, second] = await Promise.allSettled([storage.commit(wrong), storage.commit(right)])
    assert.ok(first?.status === 'rejected' && first.reason instanceof InvariantViolation)
    assert.equal(second?.status, 'fulfilled')
    assert.deepEqual((await boxesOf(storage)).map((row) => row.id), ['c'])
  })

  guarantee('listeners hear of every applied commit and no other, in order, before its caller', async (store) => {
    const storage = await store.open()
    const heard: string[] = []
    storage.onCommitted((commit) => heard.push(`listener ${commit.atMs}`))
    for (const atMs of [1, 2, 3]) {
      await put(storage, { atMs, writes: [insertBox(`box${atMs}`)] })
      heard.push(`caller ${atMs}`)
    }
    await assert.rejects(put(storage, { atMs: 4, writes: [insertBox('box1')] }))
    assert.deepEqual(heard, ['listener 1', 'caller 1', 'listener 2', 'caller 2', 'listener 3', 'caller 3'])
  })
}
