import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { CliError } from '../exit.ts'
import type { Field } from './fields.ts'
import { readValue } from './read-value.ts'

const nowMs = Date.UTC(2026, 10, 25, 12)

const field = (over: Partial<Field>): Field => ({
  part: 'body', path: ['it'], flag: 'it', aliases: [], kind: 'text', elementKind: 'text', required: false, nullable: false, choices: null,
  idPrefix: null, description: '', example: null, members: {}, memberRequired: [], ...over,
})

const read = (over: Partial<Field>, ...texts: string[]) => readValue(field(over), texts, nowMs)
const refuses = (over: Partial<Field>, text: string, message: RegExp) => assert.throws(() => read(over, text), (error) => error instanceof CliError && error.exit === 'usage' && message.test(error.message))

describe('times', () => {
  const time = { kind: 'time' } as const
  test('are RFC 3339 as typed, a day in UTC, or a length from now', () => {
    assert.equal(read(time, '2027-01-31T00:00:00Z'), '2027-01-31T00:00:00Z')
    assert.equal(read(time, '2027-01-31'), '2027-01-31T00:00:00.000Z')
    assert.equal(read(time, '30d'), '2026-12-25T12:00:00.000Z')
    assert.equal(read(time, '+90m'), '2026-11-25T13:30:00.000Z')
    assert.equal(read(time, '-2w'), '2026-11-11T12:00:00.000Z')
  })
  test('of any other form are refused, with the forms that there are', () => {
    for (const text of ['', 'soon', '2027-1-31', '31.01.2027', '30', 'd', '2027-01-31T00:00:00+01:00', '1.5d', '9999999d']) refuses(time, text, /2027-01-31/)
  })
})

describe('numbers', () => {
  test('are decimal and whole where the schema says so', () => {
    assert.equal(read({ kind: 'integer' }, '-12'), -12)
    assert.equal(read({ kind: 'number' }, '1.5'), 1.5)
    for (const text of ['', '1.5', '0x10', '1e3', ' 1', '01', '1_000', 'NaN', '١']) refuses({ kind: 'integer' }, text, /whole number/)
  })
})

describe('lists', () => {
  const list = { kind: 'list' } as const
  test('are repeated flags, commas, or both; an empty one empties the list', () => {
    assert.deepEqual(read(list, 'rpc:read,rpc:write', 'x'), ['rpc:read', 'rpc:write', 'x'])
    assert.deepEqual(read(list, ''), [])
  })
  test('of fixed words refuse any other word', () => refuses({ ...list, choices: ['a', 'b'] }, 'a,c', /one of: a, b/))
})

describe('records', () => {
  const records = {
    kind: 'records', members: { name: { type: 'string' }, access: { type: 'string', enum: ['read', 'write'] }, description: { type: 'string' } }, memberRequired: ['name', 'access'],
  } as const satisfies Partial<Field>
  test('keep commas that do not begin a member', () => {
    assert.deepEqual(read(records, 'name=rpc:read,access=read,description=Read blocks, logs and all=of it'), [
      { name: 'rpc:read', access: 'read', description: 'Read blocks, logs and all=of it' },
    ])
  })
  test('can be JSON, and are one a flag', () => {
    assert.deepEqual(read(records, '[{"name":"a","access":"read"}]', 'name=b,access=write'), [{ name: 'a', access: 'read' }, { name: 'b', access: 'write' }])
  })
  test('say what they lack, repeat, or do not know', () => {
    refuses(records, 'name=a', /lacks access=/)
    refuses(records, 'name=a,access=read,name=b', /name twice/)
    refuses(records, 'rpc:read', /is written name=…,access=…,description=…/)
    refuses(records, 'name=a,access=admin', /one of: read, write/)
  })
})

test('a flag that takes one value refuses two', () => {
  assert.throws(() => read({}, 'a', 'b'), /given 2 times/)
})

test('whatever is typed is read or refused for its form, never anything else', () => {
  fc.assert(fc.property(fc.constantFrom('text', 'integer', 'number', 'boolean', 'time', 'list', 'records', 'json' as const), fc.string({ unit: 'binary' }), (kind, text) => {
    try {
      read({ kind: kind as Field['kind'], members: { name: {} } }, text)
    } catch (error) {
      assert.ok(error instanceof CliError)
    }
  }))
})
