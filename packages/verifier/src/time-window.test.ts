import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isTimeWindow, windowContains, type TimeWindow } from './time-window.ts'

const at = (text: string): number => Date.parse(`${text}Z`)
const office: TimeWindow = { days: [1, 2, 3, 4, 5], from: '09:00', to: '17:30' }
const night: TimeWindow = { days: [5], from: '22:00', to: '06:00' }

test('a window is open from its first minute to before its last, on its days', () => {
  // 2026-11-23 was a Monday.
  assert.equal(windowContains(office, at('2026-11-23T08:59:59.999')), false)
  assert.equal(windowContains(office, at('2026-11-23T09:00')), true)
  assert.equal(windowContains(office, at('2026-11-23T17:29:59.999')), true)
  assert.equal(windowContains(office, at('2026-11-23T17:30')), false)
  assert.equal(windowContains(office, at('2026-11-27T12:00')), true)
  assert.equal(windowContains(office, at('2026-11-28T12:00')), false)
  assert.equal(windowContains(office, at('2026-11-29T12:00')), false)
})

test('a window over midnight belongs to the day on which it opens', () => {
  assert.equal(windowContains(night, at('2026-11-27T21:59')), false)
  assert.equal(windowContains(night, at('2026-11-27T22:00')), true)
  assert.equal(windowContains(night, at('2026-11-28T05:59:59.999')), true)
  assert.equal(windowContains(night, at('2026-11-28T06:00')), false)
  assert.equal(windowContains(night, at('2026-11-28T22:00')), false)
  assert.equal(windowContains(night, at('2026-11-27T05:00')), false)
})

test('a window over midnight of Sunday reaches into Monday', () => {
  const sunday: TimeWindow = { days: [7], from: '23:00', to: '01:00' }
  assert.equal(windowContains(sunday, at('2026-11-29T23:30')), true)
  assert.equal(windowContains(sunday, at('2026-11-30T00:30')), true)
  assert.equal(windowContains(sunday, at('2026-12-01T00:30')), false)
})

test('equal times make 24 hours', () => {
  const day: TimeWindow = { days: [1], from: '08:00', to: '08:00' }
  assert.equal(windowContains(day, at('2026-11-23T07:59')), false)
  assert.equal(windowContains(day, at('2026-11-23T08:00')), true)
  assert.equal(windowContains(day, at('2026-11-24T07:59')), true)
  assert.equal(windowContains(day, at('2026-11-24T08:00')), false)
})

const twoDigits = (value: number): string => String(value).padStart(2, '0')
const times = fc.nat(1439).map((minute) => `${twoDigits(Math.floor(minute / 60))}:${twoDigits(minute % 60)}`)
const days = fc.subarray([1, 2, 3, 4, 5, 6, 7], { minLength: 1 })
const windows = fc.record<TimeWindow>({ days, from: times, to: times })

/** The same said with calendar dates: some day's opening lies at or before the instant, and its end after it. */
function saidByCalendar({ days, from, to }: TimeWindow, atMs: number): boolean {
  return [0, 1].some((daysBack) => {
    const date = new Date(atMs)
    date.setUTCDate(date.getUTCDate() - daysBack)
    const onDay = (time: string): number =>
      new Date(date).setUTCHours(Number(time.slice(0, 2)), Number(time.slice(3)), 0, 0)
    const end = onDay(to) > onDay(from) ? onDay(to) : onDay(to) + 86_400_000
    return days.includes(date.getUTCDay() || 7) && atMs >= onDay(from) && atMs < end
  })
}

test('it agrees with the calendar, before 1970 and at any instant after', () => {
  const instants = fc.date({ min: new Date('1900-01-01'), max: new Date('2200-01-01'), noInvalidDate: true })
  fc.assert(
    fc.property(windows, instants, (window, date) => {
      assert.equal(isTimeWindow(window), true)
      assert.equal(windowContains(window, date.getTime()), saidByCalendar(window, date.getTime()))
    }),
    { numRuns: 2_000 },
  )
})

test('V4: a time that is not a number is in no window', () => {
  for (const atMs of [Number.NaN, Infinity, -Infinity]) {
    assert.equal(windowContains({ days: [1, 2, 3, 4, 5, 6, 7], from: '00:00', to: '00:00' }, atMs), false)
    assert.equal(windowContains(office, atMs), false)
  }
})

test('what is not exactly a window is refused', () => {
  for (const value of [
    null, undefined, 'always', 7, [], {}, { ...office, days: [] }, { ...office, days: [0] }, { ...office, days: [8] },
    { ...office, days: [1, 1] }, { ...office, days: [1.5] }, { ...office, days: ['1'] }, { ...office, days: '12' },
    { ...office, from: '9:00' }, { ...office, from: '24:00' }, { ...office, to: '23:60' },
    { ...office, days: [1, 8] }, { ...office, from: '109:00' }, { ...office, from: ['09:00'] },
    { ...office, to: '17:30\n' }, { ...office, to: 1730 }, { ...office, zone: 'UTC' }, { days: [1], from: '09:00' },
  ]) {
    assert.equal(isTimeWindow(value), false, JSON.stringify(value))
  }
})
