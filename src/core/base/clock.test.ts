import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createClock, toTimestamp, toTimestampOrNull } from './clock.ts'

test('B2: the clock never runs back, and never below what was committed', () => {
  fc.assert(fc.property(fc.array(fc.oneof(fc.record({ wall: fc.nat() }), fc.record({ floor: fc.nat() }))), fc.nat(), (steps, floorMs) => {
    let wallMs = 0
    const clock = createClock(() => wallMs, floorMs)
    let lowest = floorMs
    for (const step of steps) {
      if ('wall' in step) wallMs = step.wall
      else {
        clock.raiseFloor(step.floor)
        lowest = Math.max(lowest, step.floor)
      }
      const now = clock.now()
      assert.ok(now >= lowest && now >= wallMs && (now === wallMs || now === lowest))
      assert.equal(clock.behindMs(), now - wallMs)
      lowest = now
    }
  }))
})

test('B2: a machine whose clock was set back is told by how much, until it has caught up', () => {
  let wallMs = 5_000
  const clock = createClock(() => wallMs)
  clock.now()
  wallMs = 2_000
  assert.deepEqual([clock.now(), clock.behindMs()], [5_000, 3_000])
  wallMs = 6_000
  assert.deepEqual([clock.now(), clock.behindMs()], [6_000, 0])
})

test('timestamps are RFC 3339 in UTC with milliseconds', () => {
  assert.equal(toTimestamp(Date.UTC(2030, 0, 31, 12)), '2030-01-31T12:00:00.000Z')
  assert.throws(() => toTimestamp(Number.NaN), RangeError)
  for (const ms of [8_640_000_000_000_001, -8_640_000_000_000_001, Infinity]) assert.throws(() => toTimestamp(ms), RangeError)
  for (const ms of [8_640_000_000_000_000, -8_640_000_000_000_000, -0.5, 0.5, -1]) assert.equal(toTimestamp(ms), new Date(ms).toISOString())
  fc.assert(fc.property(fc.date({ noInvalidDate: true }), (date) => assert.equal(toTimestamp(date.getTime()), date.toISOString())))
  assert.deepEqual([toTimestampOrNull(null), toTimestampOrNull(0)], [null, '1970-01-01T00:00:00.000Z'])
})
