import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { base62FromRandom, formatToken, hintOf, parseToken, tokenMaxLength, tokenPattern, type Token } from './token.ts'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const base62 = (length: number) => fc.stringMatching(new RegExp(`^[0-9A-Za-z]{${length}}$`))
const name = (maxLength: number) => fc.stringMatching(new RegExp(`^[a-z][a-z0-9]{1,${maxLength - 1}}$`))
const tokens = fc.record<Token>({ prefix: name(12), tag: name(8), id: base62(16), secret: base62(43) })

const sample: Token = { prefix: 'clv', tag: 'live', id: '0123456789ABCDEF', secret: 'x'.repeat(43) }

test('V1: what is formatted parses back to its public parts', () => {
  fc.assert(
    fc.property(tokens, (token) => {
      const text = formatToken(token)
      assert.ok(text.startsWith(`${token.prefix}_${token.tag}_${token.id}${token.secret}`))
      assert.ok(text.length <= tokenMaxLength)
      assert.deepEqual(parseToken(text), { prefix: token.prefix, tag: token.tag, id: token.id })
    }),
  )
})

test('the checksum is the CRC-32 of all before it, as six base62 digits, most significant first', () => {
  fc.assert(
    fc.property(tokens, (token) => {
      const text = formatToken(token)
      const value = text.slice(-6).split('').reduce((sum, digit) => sum * 62 + alphabet.indexOf(digit), 0)
      assert.equal(value, crc32(text.slice(0, -6)))
    }),
  )
  assert.equal(formatToken(sample), 'clv_live_0123456789ABCDEFxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0Dvd7s')
})

test('the longest token has tokenMaxLength characters', () => {
  assert.equal(formatToken({ ...sample, prefix: 'abcdefghijkl', tag: 'abcdefgh' }).length, tokenMaxLength)
})

test('V1: a token with any one character changed is refused', () => {
  fc.assert(
    fc.property(tokens, fc.nat(), fc.string({ minLength: 1, maxLength: 1 }), (token, seed, character) => {
      const text = formatToken(token)
      const at = seed % text.length
      fc.pre(text[at] !== character)
      assert.equal(parseToken(text.slice(0, at) + character + text.slice(at + 1)), null)
    }),
    { numRuns: 1_000 },
  )
})

test('V1: a token cut short, lengthened or with two neighbours swapped is refused', () => {
  fc.assert(
    fc.property(tokens, fc.nat(), (token, seed) => {
      const text = formatToken(token)
      const at = seed % (text.length - 1)
      assert.equal(parseToken(text.slice(0, at)), null)
      assert.equal(parseToken(text.slice(at + 1)), null)
      assert.equal(parseToken(`${text}0`), null)
      assert.equal(parseToken(` ${text}`), null)
      assert.equal(parseToken(`${text}\n`), null)
      const swapped = text.slice(0, at) + text.charAt(at + 1) + text.charAt(at) + text.slice(at + 2)
      assert.equal(parseToken(swapped) !== null, swapped === text)
    }),
  )
})

/** A token whose checksum is right, whatever the rest is. */
function withChecksum(unchecked: string): string {
  let rest = crc32(Buffer.from(unchecked, 'latin1'))
  let digits = ''
  for (let count = 0; count < 6; count++) {
    digits = alphabet.charAt(rest % 62) + digits
    rest = Math.floor(rest / 62)
  }
  return unchecked + digits
}

test('V1: a right checksum does not make up for a wrong shape', () => {
  const body = sample.id + sample.secret
  assert.notEqual(parseToken(withChecksum(`ab_cd_${body}`)), null)
  const wrong = [
    `a_live_${body}`, `abcdefghijklm_live_${body}`, `Clv_live_${body}`, `1lv_live_${body}`, `cLv_live_${body}`,
    `c-v_live_${body}`, `clv_l_${body}`, `clv_abcdefghi_${body}`, `clv_1ive_${body}`, `clv_liVe_${body}`,
    `clv__live_${body}`, `_clv_live_${body}`, `clv_live${body}`, `clvlive_${body}`, `clv_live_${body.slice(1)}`,
    `clv_live_0${body}`, `clv_live_${body.slice(1)}_`, `clv_live_${body.slice(1)}-`, `clv_live_${body.slice(1)}é`,
    `clv_live_x_${body.slice(2)}`, `clv_live-${body}`,
    `clv_live_${body.slice(1)}\u0130`, `clv_live_${body.slice(1)}\0`, `clv_live_${body.slice(1)}\u0080`,
  ]
  for (const unchecked of wrong) assert.equal(parseToken(withChecksum(unchecked)), null, unchecked)
})

test('V1: no text whatever makes the parser throw', () => {
  const codes = fc.array(fc.nat(0xffff), { maxLength: 100, size: 'max' })
  const anything = codes.map((units) => String.fromCharCode(...units))
  fc.assert(fc.property(anything, (text) => assert.equal(parseToken(text), null)))
})

test('parts of the wrong shape are not formatted, and the error does not tell the secret', () => {
  const wrong: readonly Partial<Token>[] = [
    { prefix: 'c' }, { prefix: 'Clv' }, { prefix: 'clv_live', tag: 'xx' }, { tag: '' }, { tag: 'production' },
    { id: '0'.repeat(15) }, { secret: `${sample.secret}x` }, { secret: `${sample.secret.slice(1)}-` },
    { id: sample.id.slice(1), secret: `${sample.id.slice(0, 1)}${sample.secret}` },
    { id: `${sample.id}x`, secret: sample.secret.slice(1) },
  ]
  for (const part of wrong) {
    assert.throws(
      () => formatToken({ ...sample, ...part }),
      (error) => error instanceof RangeError && !error.message.includes('xxxx'),
      JSON.stringify(part),
    )
  }
})

test('the pattern finds every token in text, also right behind an escape', () => {
  fc.assert(
    fc.property(tokens, (token) => {
      const text = formatToken(token)
      const found = new RegExp(tokenPattern(token.prefix)).exec(`KEY="\\n${text}";`)
      assert.equal(found?.[0], text)
      assert.equal(new RegExp(tokenPattern()).exec(`KEY="${text}"`)?.[0], text)
    }),
  )
})

test('a pattern is made for a prefix only, never for a regular expression', () => {
  for (const prefix of ['', 'c', '.*', 'clv|x', 'CLV']) assert.throws(() => tokenPattern(prefix), RangeError)
})

test('a hint has nothing of the secret', () => {
  assert.equal(hintOf(parseToken(formatToken(sample))!), 'clv_live_0123456789ABCDEF…')
})

test('V8: random characters are uniform: of all byte values, each character comes from equally many', () => {
  const counts = new Map<string, number>()
  let next = 0
  const everyByte = (length: number) => Uint8Array.from({ length }, () => next++ & 255)
  for (const character of base62FromRandom(everyByte, 248)) counts.set(character, (counts.get(character) ?? 0) + 1)
  assert.equal(counts.size, 62)
  assert.deepEqual(new Set(counts.values()), new Set([4]))
})

test('random text has the length asked for, and the bytes it came from are wiped', () => {
  const drawn: Uint8Array[] = []
  const source = (length: number) => {
    const bytes = randomBytes(length)
    drawn.push(bytes)
    return bytes
  }
  for (const length of [0, 1, 16, 43, 500]) {
    assert.match(base62FromRandom(source, length), new RegExp(`^[0-9A-Za-z]{${length}}$`))
  }
  assert.ok(drawn.length >= 4)
  for (const bytes of drawn) assert.ok(bytes.every((byte) => byte === 0))
})
