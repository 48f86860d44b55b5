import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verdictOf, verdicts, type RefusalCode } from './verdict.ts'

const codes = Object.keys(verdicts) as RefusalCode[]

test('every code has one frozen verdict, and only `valid` is valid', () => {
  assert.deepEqual(verdictOf('valid'), { valid: true, code: 'valid' })
  for (const code of codes) {
    assert.deepEqual(verdictOf(code), { valid: false, code })
    assert.equal(verdictOf(code), verdictOf(code))
    assert.ok(Object.isFrozen(verdictOf(code)))
  }
  assert.ok(Object.isFrozen(verdictOf('valid')))
})

test('the codes and their statuses are what was promised', () => {
  const byStatus = Map.groupBy(codes, (code) => verdicts[code].httpStatus)
  assert.deepEqual(Object.fromEntries(byStatus), {
    401: ['malformed', 'not-found', 'tampered', 'revoked', 'disabled', 'pending', 'expired', 'wrong-environment'],
    403: [
      'ip-required', 'ip-not-allowed', 'origin-required', 'origin-not-allowed', 'outside-window', 'permission-denied',
    ],
    429: ['rate-limited'],
    503: ['verifier-stale', 'unavailable'],
  })
})

test('every text is one line', () => {
  for (const code of codes) assert.match(verdicts[code].title, /^[A-Z][^\n]{1,100}\.$/)
})

test('a code that is none is a mistake, not a verdict', () => {
  for (const code of ['', 'toString', '__proto__', 'ok']) {
    assert.throws(() => verdictOf(code as RefusalCode), RangeError)
  }
})
