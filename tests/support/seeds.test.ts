import assert from 'node:assert/strict'
import { test } from 'node:test'
import { forEachSeed } from './seeds.ts'

const seedsOf = async (environment: object): Promise<readonly number[]> => {
  const seeds: number[] = []
  await forEachSeed(3, (seed) => void seeds.push(seed), environment)
  return seeds
}

test('a simulation runs with as many seeds as it says, or as the environment says', async () => {
  assert.deepEqual(await seedsOf({}), [1, 2, 3])
  assert.deepEqual(await seedsOf({ SEED: '40', SEEDS: '2' }), [40, 41])
})

test('a failing seed is named, with the command that runs it again', async () => {
  const failing = forEachSeed(9, (seed) => assert.notEqual(seed, 4, 'four'), {})
  await assert.rejects(failing, /seed 4 fails; to see it again: SEED=4 SEEDS=1 npm run soak\n.*four/s)
})
