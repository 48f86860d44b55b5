import assert from 'node:assert/strict'
import { test } from 'node:test'
import { forEachSeed } from '../support/seeds.ts'
import { simulate } from './simulation.ts'

/** About a quarter of a second each. */
const seeds = 200

test('under crashes, lost answers, storage faults, clock jumps and concurrent clients, what was acknowledged holds and what was taken away stays away', async () => {
  let [entries, uses] = [0, 0]
  await forEachSeed(seeds, async (seed) => {
    const run = await simulate(seed)
    entries += run.entries
    uses += run.uses
  })
  assert.ok(entries > 0 && uses > 0, `${entries} entries and ${uses} uses were simulated`)
})

test('the same seed is the same run, step for step', async () => {
  const [one, other] = [await simulate(7, 120), await simulate(7, 120)]
  assert.deepEqual(one.trace, other.trace)
})
