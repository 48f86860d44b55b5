import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from '#core/telemetry/logger'
import { createFailureLog } from './failure-log.ts'
import { httpFaults } from './faults.ts'

function openLog() {
  const lines: string[] = []
  const logger = createLogger({ level: 'info', secretFields: new Set(), destination: { write: (line) => void lines.push(line) } })
  const told = (): Record<string, unknown>[] => lines.splice(0).map((line) => JSON.parse(line) as Record<string, unknown>)
  return { log: createFailureLog(logger), told }
}

const overloaded = () => httpFaults.overloaded('Too many at once.')
const stopping = () => httpFaults['shutting-down']('Stopping.')

test('however many requests fail alike, one a second is told in full, and how many there were', () => {
  const { log, told } = openLog()
  for (let at = 0; at < 1_000; at++) log.report(overloaded(), { request: `r${at}` }, at)
  const [first, ...rest] = told()
  assert.deepEqual([first?.['request'], first?.['alikeSinceTheLast'], rest.length], ['r0', undefined, 0])
  log.report(overloaded(), { request: 'later' }, 1_000)
  assert.deepEqual(told().map((line) => [line['request'], line['alikeSinceTheLast']]), [['later', 999]])
  log.report(overloaded(), { request: 'calm again' }, 5_000)
  assert.deepEqual(told().map((line) => [line['request'], line['alikeSinceTheLast']]), [['calm again', undefined]])
})

test('a fault of another kind is told beside one that keeps coming, and an error that nobody expected every time', () => {
  const { log, told } = openLog()
  log.report(overloaded(), {}, 0)
  log.report(stopping(), {}, 1)
  for (const atMs of [2, 3]) log.report(new Error('never seen'), {}, atMs)
  assert.deepEqual(told().map((line) => line['msg']), ['request failed', 'request failed', 'request met an unexpected error', 'request met an unexpected error'])
})
