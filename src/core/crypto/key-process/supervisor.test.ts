import assert from 'node:assert/strict'
import { test } from 'node:test'
import { restartDelayMs } from './supervisor.ts'

test('the first restart is immediate, later ones wait twice as long each, at most 2 seconds', () => {
  const delaysMs = [0, 1, 2, 3, 4, 5, 6, 7, 1_000].map(restartDelayMs)
  assert.deepEqual(delaysMs, [0, 50, 100, 200, 400, 800, 1_600, 2_000, 2_000])
})
