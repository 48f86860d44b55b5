import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson, type JsonValue } from './json.ts'
import { parseStrictJson } from './strict-json.ts'

const canonical = (text: string): string => canonicalJson(JSON.parse(text) as JsonValue)

test('RFC 8785 §3.2.2: the example of the RFC, byte by byte', () => {
  const text = '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}'
  assert.equal(canonical(text), '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}')
})

test('RFC 8785 §3.2.3: members are sorted by UTF-16 code units', () => {
  const text = '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control","\\u00f6":"Latin Small Letter O With Diaeresis"}'
  const values = [...canonical(text).matchAll(/:"([^"]+)"/g)].map(([, value]) => value)
  assert.deepEqual(values, ['Carriage Return', 'One', 'Control', 'Latin Small Letter O With Diaeresis', 'Euro Sign', 'Emoji: Grinning Face', 'Hebrew Letter Dalet With Dagesh'])
})

/** IEEE 754 bits and their only spelling. */
const numbers: readonly (readonly [bits: bigint, text: string])[] = [
  [0x0000000000000000n, '0'], [0x8000000000000000n, '0'], [0x0000000000000001n, '5e-324'], [0x8000000000000001n, '-5e-324'],
  [0x7fefffffffffffffn, '1.7976931348623157e+308'], [0xffefffffffffffffn, '-1.7976931348623157e+308'], [0x4340000000000000n, '9007199254740992'],
  [0xc340000000000000n, '-9007199254740992'], [0x4430000000000000n, '295147905179352830000'], [0x44b52d02c7e14af5n, '9.999999999999997e+22'],
  [0x44b52d02c7e14af6n, '1e+23'], [0x44b52d02c7e14af7n, '1.0000000000000001e+23'], [0x444b1ae4d6e2ef4en, '999999999999999700000'],
  [0x444b1ae4d6e2ef4fn, '999999999999999900000'], [0x444b1ae4d6e2ef50n, '1e+21'], [0x3eb0c6f7a0b5ed8cn, '9.999999999999997e-7'],
  [0x3eb0c6f7a0b5ed8dn, '0.000001'], [0x41b3de4355555553n, '333333333.3333332'], [0x41b3de4355555554n, '333333333.33333325'],
  [0x41b3de4355555555n, '333333333.3333333'], [0x41b3de4355555556n, '333333333.3333334'], [0x41b3de4355555557n, '333333333.33333343'],
  [0xbecbf647612f3696n, '-0.0000033333333333333333'], [0x43143ff3c1cb0959n, '1424953923781206.2'],
]

test('RFC 8785 appendix B: every number of the table has its one spelling', () => {
  const view = new DataView(new ArrayBuffer(8))
  for (const [bits, text] of numbers) {
    view.setBigUint64(0, bits)
    assert.equal(canonicalJson(view.getFloat64(0)), text)
  }
})

test('what I-JSON does not have is refused, however deep', () => {
  for (const value of [Number.NaN, Infinity, -Infinity, '\ud800', '\udc00a', 'a\ud83d']) {
    for (const place of [value, [value], { a: [value] }, ...(typeof value === 'string' ? [{ [value]: 1 }] : [])]) {
      assert.throws(() => canonicalJson(place), RangeError)
    }
  }
})

const values = fc.jsonValue({ maxDepth: 5 }).filter((value) => !JSON.stringify(value).includes('__proto__'))

test('read again, canonical JSON is the value it was made of, and canonical again', () => {
  fc.assert(fc.property(values, (value) => {
    const text = canonicalJson(value as JsonValue)
    const again = JSON.parse(text) as JsonValue
    // JSON has one zero.
    assert.deepEqual(again, JSON.parse(JSON.stringify(value)))
    assert.equal(canonicalJson(again), text)
  }))
})

test('the order in which members were added makes no difference', () => {
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.integer()), (members) => {
    const reversed = Object.fromEntries(Object.entries(members).reverse())
    assert.equal(canonicalJson(reversed), canonicalJson(members))
  }))
})

test('what strict JSON reads can be written canonically, and reads the same', () => {
  fc.assert(fc.property(values, (value) => {
    let read: JsonValue
    try {
      read = parseStrictJson(Buffer.from(JSON.stringify(value), 'utf8'))
    } catch {
      return
    }
    assert.deepEqual(parseStrictJson(Buffer.from(canonicalJson(read), 'utf8')), JSON.parse(canonicalJson(read)))
  }))
})

test('an absent member is left out, and members of the prototype are none', () => {
  assert.equal(canonicalJson({ b: undefined, a: 1 } as unknown as JsonValue), '{"a":1}')
  assert.equal(canonicalJson(Object.create({ inherited: 1 }) as JsonValue), '{}')
})
