import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Output } from '../terminal.ts'
import { placeOf, tellFailure } from './failure.ts'
import { columnsOf, writeList } from './list.ts'
import { writeRecord } from './record.ts'
import { writeTable } from './table.ts'
import { cutTo, kebab, padTo, visible, visibleJson, widthOf, wrap } from './text.ts'
import { relative } from './time.ts'
import { specOf } from '../operations/catalogue.ts'
import { fieldsOf } from '../operations/fields.ts'
import { itemSchemaOf } from '../operations/run-operation.ts'
import { ProblemError } from '../client.ts'
import { operations } from '../../operations.ts'

const nowMs = Date.parse('2026-11-25T12:00:00.000Z')

/** An output that keeps what is written to it. */
function capture(width: number, isTerminal = true): Output & { readonly lines: () => readonly string[] } {
  let text = ''
  return {
    isTerminal, width,
    write: (more) => void (text += more),
    line: (more = '') => void (text += `${more}\n`),
    paint: (_style, plain) => plain,
    lines: () => text.split('\n').slice(0, -1),
  }
}

describe('text', () => {
  test('of others cannot command the terminal, nor hide or reorder what stands there', () => {
    assert.equal(visible('a\u001b[2Jb\u202ec\u0000'), 'a\\u{1b}[2Jb\\u{202e}c\\u{0}')
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
      // oxlint-disable-next-line no-control-regex -- control characters are what it is about
      assert.doesNotMatch(visible(text), /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
    }))
  })

  test('within JSON says the same to whoever parses it, and nothing to the terminal', () => {
    assert.equal(visibleJson(JSON.stringify({ 'a\u009b2J': 'b\u202ec\u001b' }, null, 2)), '{\n  "a\\u009b2J": "b\\u202ec\\u001b"\n}')
    fc.assert(fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })), (value) => {
      const text = visibleJson(JSON.stringify(value))
      // oxlint-disable-next-line no-control-regex -- control characters are what it is about
      assert.doesNotMatch(text, /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)))
    }))
  })

  test('is as wide as a terminal shows it', () => {
    assert.deepEqual([widthOf('abc'), widthOf('日本'), widthOf('e\u0301'), widthOf('👍🏽'), widthOf('\u001b[31mred\u001b[39m')], [3, 4, 1, 2, 3])
  })

  test('that is cut or padded fits exactly', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }).map(visible), fc.integer({ min: 1, max: 40 }), (text, width) => {
      const fitted = padTo(cutTo(text, width), width)
      // A wide character that does not fit leaves a column free.
      assert.ok(widthOf(fitted) === width || widthOf(fitted) === width - 1 || widthOf(cutTo(text, width)) <= width)
      assert.ok(widthOf(cutTo(text, width)) <= width)
    }))
  })

  test('is wrapped without losing a word', () => {
    fc.assert(fc.property(fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 }), fc.integer({ min: 1, max: 40 }), (all, width) => {
      assert.equal(wrap(all.join(' '), width).join(' '), all.join(' '))
    }))
  })

  test('in flags is the API name in kebab case', () => {
    assert.deepEqual(['expiresAt', 'apiId', 'maxLifetimeDays', 'name'].map(kebab), ['expires-at', 'api-id', 'max-lifetime-days', 'name'])
  })
})

test('times are told from where one stands', () => {
  const told = (offsetMs: number) => relative(new Date(nowMs + offsetMs).toISOString(), nowMs)
  assert.deepEqual(
    [0, -30_000, -60_000, -3_599_000, -7_200_000, -3 * 86_400_000, -3 * 365 * 86_400_000, 365 * 86_400_000 - 700, 90_000].map(told),
    ['just now', '30 seconds ago', '1 minute ago', '59 minutes ago', '2 hours ago', '3 days ago', '2 years ago', 'in 365 days', 'in 2 minutes'],
  )
})

describe('a table', () => {
  const columns = [{ heading: 'KEY ID', rank: 0, least: 20 }, { heading: 'NAME', rank: 1, least: 10 }, { heading: 'PERMISSIONS', rank: 4, least: 10 }, { heading: 'CONSUMER ID', rank: 6, least: 20 }]
  const row = ['key_4Fh2kQ9sVbT1xY7z', 'A name of some length that goes on', 'rpc:read, rpc:write', 'con_4Fh2kQ9sVbT1xY7z'].map((text) => ({ text }))

  test('never is wider than the terminal, while its ids stay whole', () => {
    for (let width = 20; width <= 140; width++) {
      const out = capture(width)
      writeTable(out, columns, [row])
      for (const line of out.lines()) assert.ok(widthOf(line) <= width, `${widthOf(line)} in ${width}: ${line}`)
      assert.match(out.lines()[1] ?? '', /^key_4Fh2kQ9sVbT1xY7z/)
    }
  })

  test('leaves out the least important column first, and says so', () => {
    const out = capture(60)
    assert.deepEqual(writeTable(out, columns, [row]), ['CONSUMER ID'])
    assert.equal(out.lines()[0], 'KEY ID                NAME                PERMISSIONS')
  })
})

describe('a list', () => {
  for (const operation of operations) {
    const spec = specOf(operation)
    const itemSchema = itemSchemaOf(spec)
    if (itemSchema === null || spec.effect !== 'read') continue
    test(`of ${spec.id} has columns, and its first is what names the item`, () => {
      const [first] = columnsOf(itemSchema)
      assert.equal(first, Object.keys(itemSchema.properties ?? {}).find((name) => columnsOf(itemSchema).includes(name)))
    })
  }

  const itemSchema = { type: 'object', properties: { keyId: { type: 'string' }, status: { type: 'string' }, permissions: { type: 'array', items: { type: 'string' } }, genuine: { type: 'boolean' } } }
  const item = { keyId: 'key_4Fh2kQ9sVbT1xY7z', status: 'active', permissions: ['a', 'b\tc'], genuine: false }

  test('is tabs and lines for programs, and nothing in a value breaks that', () => {
    const out = capture(80, false)
    writeList({ out, err: capture(80), canAsk: false }, itemSchema, [item], nowMs)
    assert.deepEqual(out.lines(), ['key_4Fh2kQ9sVbT1xY7z\ttampered\ta,b\\u{9}c'])
  })

  test('has no column for bytes', () => {
    const withBytes = { type: 'object', properties: { ...itemSchema.properties, sections: { type: 'string', contentEncoding: 'base64' } } }
    assert.deepEqual(columnsOf(withBytes), columnsOf(itemSchema))
  })

  test('does not believe a row that was altered, whatever it says', () => {
    const out = capture(80)
    writeList({ out, err: capture(80), canAsk: false }, itemSchema, [item], nowMs)
    assert.match(out.lines()[1] ?? '', /tampered/)
    assert.doesNotMatch(out.lines().join('\n'), /active/)
  })
})

test('a single thing is shown aligned, small things in it in columns', () => {
  const out = capture(80)
  writeRecord(out, { apiId: 'api_4Fh2kQ9sVbT1xY7z', permissions: [{ name: 'rpc:read', access: 'read' }, { name: 'a', access: 'write' }], revokedAt: null, genuine: true }, nowMs)
  assert.deepEqual(out.lines(), ['api id       api_4Fh2kQ9sVbT1xY7z', 'permissions  rpc:read  read', '             a         write', 'revoked at   –'])
})

describe('a problem', () => {
  const fields = fieldsOf(specOf(operations.find(({ id }) => id === 'keys.create')!))
  test('is told at the flag that it came from', () => {
    const places = ['/name', '/environmentId', '/permissions/1', '/timeWindow/days/0', '/timeWindow', 'header.if-match', '/nothing']
    assert.deepEqual(places.map((pointer) => placeOf(pointer, fields)), [
      '--name', '--environment', '--permissions #2', '--time-window.days #1', '--time-window.days, --time-window.from, --time-window.to', '--if-match', '/nothing',
    ])
    const revoke = fieldsOf(specOf(operations.find(({ id }) => id === 'keys.revoke')!))
    assert.equal(placeOf('path.keyId', revoke), '<key>')
  })

  test('shows its page, and its exit code follows its status', () => {
    const err = capture(80)
    const problem = { type: '/errors/keys/not-found', title: 'No such key', status: 404, detail: 'There is no such key.', code: 'keys/not-found' }
    assert.equal(tellFailure(err, new ProblemError(problem), { fields: [], origin: 'https://keys.example.com', profile: 'default' }), 4)
    assert.deepEqual(err.lines(), ['error: No such key', '  There is no such key.', '  keys/not-found  https://keys.example.com/errors/keys/not-found'])
  })
})
