import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { startJobs } from './jobs.ts'

test('a failed run is reported and the job runs again', async () => {
  const errors: string[] = []
  let runs = 0
  const again = Promise.withResolvers<void>()
  const jobs = startJobs([{ name: 'shaky', everyMs: 1, run: async () => {
    if (++runs === 1) throw new Error('once')
    again.resolve()
  } }], (job) => errors.push(job))
  const keepAlive = setInterval(() => {}, 1000)
  await again.promise
  clearInterval(keepAlive)
  await jobs.stop()
  assert.deepEqual(errors, ['shaky'])
})

test('J1: a run that takes longer than its period is not joined by the next', async () => {
  let underWay = 0
  let most = 0
  let runs = 0
  const enough = Promise.withResolvers<void>()
  const jobs = startJobs([{ name: 'slow', everyMs: 1, run: async () => {
    most = Math.max(most, ++underWay)
    await wait(20)
    underWay--
    if (++runs === 3) enough.resolve()
  } }], () => {})
  const keepAlive = setInterval(() => {}, 1000)
  await enough.promise
  clearInterval(keepAlive)
  await jobs.stop()
  assert.equal(most, 1)
})

test('stop waits for the run under way, and no other starts after it', async () => {
  let runs = 0
  let ended = 0
  const started = Promise.withResolvers<void>()
  const jobs = startJobs([{ name: 'slow', everyMs: 1, run: async () => {
    runs++
    started.resolve()
    await wait(20)
    ended++
  } }], () => {})
  const keepAlive = setInterval(() => {}, 1000)
  await started.promise
  await jobs.stop()
  await wait(10)
  clearInterval(keepAlive)
  assert.deepEqual([runs, ended], [1, 1])
})
