import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { jsonDepthMax, jsonValuesMax, parseStrictJson, StrictJsonError } from './strict-json.ts'

const parse = (text: string) => parseStrictJson(Buffer.from(text, 'utf8'))

function refusal(bytes: Uint8Array | string): StrictJsonError {
  try {
    parseStrictJson(typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : bytes)
  } catch (error) {
    assert.ok(error instanceof StrictJsonError, String(error))
    return error
  }
  return assert.fail(`${String(bytes).slice(0, 60)} was taken`)
}

const strictValue = fc.jsonValue({ maxDepth: 6 }).filter((value) => {
  const text = JSON.stringify(value)
  return !text.includes('__proto__') && !text.includes('\\u0000') && isExact(value)
})

function isExact(value: unknown): boolean {
  if (typeof value === 'number') return Math.abs(value) <= Number.MAX_SAFE_INTEGER
  return typeof value !== 'object' || value === null || Object.values(value).every(isExact)
}

test('what JSON.stringify writes is read as JSON.parse reads it', () => {
  fc.assert(fc.property(strictValue, fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
    const text = JSON.stringify(value, null, indent)
    assert.deepEqual(parse(text), JSON.parse(text))
  }))
})

test('what is taken means what JSON.parse says, and what JSON.parse refuses is refused', () => {
  const fragments = ['{', '}', '[', ']', ',', ':', '"', '"a"', '"b"', '1', '-', '0', '.5', 'e3', 'true', 'null', ' ', '\n', '\\', '\\n', '\\u0041', '\\ud83d', '\\ude00', 'é', '\u0001', '{}', '[]', '"a":1']
  fc.assert(fc.property(fc.array(fc.constantFrom(...fragments), { maxLength: 12 }), (parts) => {
    const text = parts.join('')
    let value: unknown
    try {
      value = parse(text)
    } catch (error) {
      assert.ok(error instanceof StrictJsonError)
      return
    }
    assert.deepEqual(value, JSON.parse(text))
  }), { numRuns: 2_000 })
})

test('any bytes are read or refused, never anything else', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
    try {
      parseStrictJson(bytes)
    } catch (error) {
      assert.ok(error instanceof StrictJsonError)
    }
  }))
})

const refused: readonly (readonly [what: string, text: string | Uint8Array])[] = [
  ['nothing', ''],
  ['white space alone', ' \n'],
  ['a byte order mark', '\ufeff{}'],
  ['text after the end', '{} {}'],
  ['a trailing comma in an object', '{"a":1,}'],
  ['a trailing comma in an array', '[1,]'],
  ['a comment', '{/* */}'],
  ['single quotes', "{'a':1}"],
  ['a name without quotes', '{a:1}'],
  ['a missing colon', '{"a" 1}'],
  ['another sign than a colon', '{"a";1}'],
  ['a name whose first quote is missing', '{a":1}'],
  ['a missing comma', '[1 2]'],
  ['another sign between elements', '[1;2]'],
  ['another sign between members', '{"a":1;"b":2}'],
  ['an object that does not end', '{"a":1'],
  ['an array that does not end', '[1'],
  ['a string that does not end', '"abc'],
  ['a string that ends in a backslash', '"abc\\'],
  ['a literal in capitals', 'True'],
  ['half a literal', 'nul'],
  ['not a number', 'NaN'],
  ['infinity', '-Infinity'],
  ['a leading plus', '+1'],
  ['a leading zero', '01'],
  ['a fraction without digits', '1.'],
  ['a fraction without an integer', '.5'],
  ['an exponent without digits', '1e'],
  ['hexadecimal', '0x10'],
  ['an integer that a double rounds', '9007199254740993'],
  ['a negative one', '-9007199254740993'],
  ['a number beyond the range of doubles', '1e400'],
  ['a number that a double rounds to zero', '1e-400'],
  ['a negative fraction that a double rounds to zero', '-0.05e-400'],
  ['a huge number', '9'.repeat(400)],
  ['the same name twice', '{"a":1,"b":2,"a":3}'],
  ['the same name twice, once escaped', '{"a":1,"\\u0061":2}'],
  ['the prototype as a name', '{"__proto__":{"admin":true}}'],
  ['the prototype as a name, escaped', '{"__proto\\u005f_":1}'],
  ['a raw control character', '"a\u0001b"'],
  ['a raw line break in a string', '"a\nb"'],
  ['a raw control character after an escape', '"\\n\u0001"'],
  ['NUL', '"a\u0000b"'],
  ['NUL, escaped', '"a\\u0000b"'],
  ['a lone high surrogate', '"\\ud83d"'],
  ['a lone low surrogate', '"\\ude00"'],
  ['surrogates in the wrong order', '"\\ude00\\ud83d"'],
  ['a lone surrogate in a name', '{"\\ud83d":1}'],
  ['an unknown escape', '"\\x41"'],
  ['half an escape', '"\\u00"'],
  ['an escape that is not hexadecimal', '"\\u00g0"'],
  ['an escape that is hexadecimal in part', '"\\u12g4"'],
  ['too many levels', '['.repeat(jsonDepthMax + 1) + ']'.repeat(jsonDepthMax + 1)],
  ['endless levels', '['.repeat(200_000)],
  ['too many elements', `[${'1,'.repeat(jsonValuesMax)}1]`],
  ['too many members', `{${Array.from({ length: jsonValuesMax + 1 }, (_, at) => `"${at}":1`).join()}}`],
  ['another white space', '\u00a0{}'],
  ['bytes that are not UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
  ['an overlong encoding', Uint8Array.of(0x22, 0xc0, 0x80, 0x22)],
  ['a surrogate in UTF-8', Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22)],
]

for (const [what, text] of refused) {
  test(`refused: ${what}`, () => {
    const { reason, offset, line, column } = refusal(text)
    assert.match(reason, /^[A-Z][^"]+\.$/)
    assert.ok(offset >= 0 && line >= 1 && column >= 1)
  })
}

test('the bounds themselves are taken', () => {
  parse('['.repeat(jsonDepthMax) + ']'.repeat(jsonDepthMax))
  assert.equal((parse(`[${'1,'.repeat(jsonValuesMax - 1)}1]`) as unknown[]).length, jsonValuesMax)
  assert.equal(parse('9007199254740991'), Number.MAX_SAFE_INTEGER)
  assert.equal(parse('0.000e-999'), 0)
  assert.equal(parse('"\\ud83d\\ude00"'), '😀')
})

test('levels are counted by how deep they lie, not by how many there are', () => {
  const wide = `[${'[],{},'.repeat(10 * jsonDepthMax)}[[]]]`
  assert.deepEqual(parse(wide), JSON.parse(wide))
})

test('every escape, every white space and every form of an exponent means what RFC 8259 says', () => {
  assert.equal(parse('"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9x"'), '"\\/\b\f\n\r\téx')
  assert.deepEqual(parse(' \t\r\n[\t1\r,\n2 ]\r\n\t '), [1, 2])
  assert.deepEqual(parse('[1e5,1E5,1e+5,100e-2,-0.5e1]'), [100_000, 100_000, 100_000, 1, -5])
})

test('names that objects inherit are names like any other', () => {
  assert.deepEqual(parse('{"constructor":1,"toString":2}'), { constructor: 1, toString: 2 })
})

test('a refusal says where, and repeats nothing of the content', () => {
  const error = refusal('{\n  "secret": "hunter2",\n  "secret": "hunter3"\n}')
  assert.deepEqual([error.offset, error.line, error.column], [27, 3, 3])
  assert.ok(!error.message.includes('hunter') && !error.reason.includes('secret'))
})
