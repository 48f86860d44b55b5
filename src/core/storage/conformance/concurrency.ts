import assert from 'node:assert/strict'
import { CommitConflict } from '../commit.ts'
import type { Storage } from '../storage.ts'
import { boxesOf, boxIs, insertBox, put, updateBox, type Guarantee, type TestStore } from './harness.ts'

async function open(store: TestStore, servers: number): Promise<readonly [Storage, Storage]> {
  const first = await store.open()
  return [first, servers === 1 ? first : await store.open()]
}

export function concurrencyGuarantees(guarantee: Guarantee, servers: number): void {
  guarantee('concurrent increments lose nothing', async (store) => {
    const storages = await open(store, servers)
    await put(storages[0], { writes: [insertBox('a', { size: 0 })] })
    const increment = async (storage: Storage): Promise<void> => {
      const [row] = await boxesOf(storage)
      assert.ok(row !== undefined)
      try {
        await put(storage, { writes: [updateBox('a', row.version + 1, { size: (row.size ?? 0) + 1 })] })
      } catch (error) {
        if (!(error instanceof CommitConflict)) throw error
        await increment(storage)
      }
    }
    await Promise.all(Array.from({ length: 40 }, (_, index) => increment(storages[index % 2] as Storage)))
    assert.deepEqual((await boxesOf(storages[0])).map((row) => [row.size, row.version]), [[40, 41]])
  })

  guarantee('of two that each count on an id being free and take the other, one succeeds', async (store) => {
    const [one, other] = await open(store, servers)
    for (let round = 0; round < 20; round++) {
      const [x, y] = [`x${round}`, `y${round}`]
      const outcomes = await Promise.allSettled([
        put(one, { expects: [boxIs(x, 0)], writes: [insertBox(y)] }),
        put(other, { expects: [boxIs(y, 0)], writes: [insertBox(x)] }),
      ])
      assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    }
    assert.equal((await boxesOf(one)).length, 20)
  })

  guarantee('of two that each count on the row the other changes, one succeeds', async (store) => {
    const [one, other] = await open(store, servers)
    await put(one, { writes: [insertBox('a'), insertBox('b')] })
    const outcomes = await Promise.allSettled([
      put(one, { expects: [boxIs('a', 1)], writes: [updateBox('b', 2)] }),
      put(other, { expects: [boxIs('b', 1)], writes: [updateBox('a', 2)] }),
    ])
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  })
}
