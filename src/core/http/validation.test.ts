import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { Fault } from '#core/base/fault'
import { exactly, idOf, lineOf, nullable, oneOf, slugOf, timestamp } from './schema.ts'
import { compileCheck } from './validation.ts'

const check = compileCheck(exactly({
  keyId: Type.Optional(idOf('key')),
  slug: Type.Optional(slugOf('A name.')),
  name: Type.Optional(nullable(lineOf(8, 'A name.'))),
  expiresAt: Type.Optional(nullable(timestamp('When.'))),
  kind: Type.Optional(oneOf(['test', 'production'])),
  bare: Type.Optional(Type.String({ pattern: '^[a-z]+$' })),
}), 'body')

/** What is told of the one member that is wrong. */
function toldOf(body: object): string {
  try {
    check(body)
  } catch (error) {
    assert.ok(error instanceof Fault)
    const { errors } = error
    assert.deepEqual(errors.map(({ pointer }) => pointer), Object.keys(body).map((name) => `/${name}`))
    return errors.map(({ detail }) => detail).join(' ')
  }
  throw new Error('nothing was refused')
}

test('what a pattern demands is told in words, with an example, and never as a regular expression', () => {
  assert.equal(toldOf({ keyId: 'key_!!!!!!!!!!!!!!!!' }), 'Must be key_ and 16 letters or digits, such as key_4Fh2kQ9sVbT1xY7z.')
  assert.equal(toldOf({ slug: 'Market data' }), 'Must be lower-case letters and digits, in words joined by hyphens, such as market-data.')
  assert.equal(toldOf({ expiresAt: 'tomorrow' }), 'Must be a time in UTC of the years 2000 to 9999, as RFC 3339 writes it, such as 2027-01-31T00:00:00.000Z.')
  assert.equal(toldOf({ expiresAt: '1999-12-31T23:59:59Z' }), toldOf({ expiresAt: 'tomorrow' }), 'what is RFC 3339 and too early is not told that it is no RFC 3339')
  assert.equal(toldOf({ name: ' a' }), 'Must be one line of visible text, with no space at its ends and no key in it.')
  assert.equal(toldOf({ bare: 'A' }), 'Must be of another form.')
})

test('of a list of words the words are told, and not the list as JSON', () => {
  assert.equal(toldOf({ kind: 'staging' }), 'Must be one of test, production.')
})

test('a key that was pasted into a name is refused, and not repeated', () => {
  const named = compileCheck(exactly({ name: lineOf(200, 'A name.') }), 'body')
  const token = `clv_live_${'0123456789abcdef'}${'A'.repeat(43)}${'x1Y2z3'}`
  for (const name of [token, `key ${token}`, `${token}, of Ada`]) {
    assert.throws(() => named({ name }), (error: unknown) => error instanceof Fault && error.code === 'http/invalid-input' && !JSON.stringify(error.errors).includes('clv_live'))
  }
  for (const name of [token.slice(0, -1), 'clv_live_0123456789abcdef…', 'A'.repeat(200)]) named({ name })
})

test('of what is wrong in form and in length the form is told; of what is wrong in length alone, the length', () => {
  assert.equal(toldOf({ keyId: 'key_1' }), 'Must be key_ and 16 letters or digits, such as key_4Fh2kQ9sVbT1xY7z.')
  assert.equal(toldOf({ name: 'far too long' }), 'Must have at most 8 characters.')
  assert.equal(toldOf({ name: '' }), 'Must have at least 1 character.')
  assert.equal(toldOf({ name: 5 }), 'Must be a string.')
})
