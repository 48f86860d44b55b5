import assert from 'node:assert/strict'
import { test } from 'node:test'
import { soakPlan } from './plan.ts'

test('a soak gives every seed to one process, and to none more than its memory bears', () => {
  const shares = soakPlan({ SEED: '40', SEEDS: '1200' })[0]?.tasks.map(({ env }) => [env?.['SEED'], env?.['SEEDS']])
  assert.deepEqual(shares, [['40', '500'], ['540', '500'], ['1040', '200']])
  assert.deepEqual(soakPlan({ SEED: '7', SEEDS: '1' })[0]?.tasks.map(({ env }) => env), [{ SEED: '7', SEEDS: '1' }])
})

test('a soak that would try no seed says so', () => {
  for (const wrong of [{ SEEDS: 'many' }, { SEEDS: '0' }, { SEED: '1.5' }]) assert.throws(() => soakPlan(wrong), /whole numbers/)
})
