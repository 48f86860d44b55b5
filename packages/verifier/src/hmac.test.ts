import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { createHmacSha256 } from './hmac.ts'

const bytes = (maxLength: number) => fc.uint8Array({ maxLength })
const latin1 = (maxLength: number) => bytes(maxLength).map((value) => Buffer.from(value).toString('latin1'))
const reference = (key: Uint8Array, message: Uint8Array | string): Buffer =>
  createHmac('sha256', key).update(Buffer.from(message as string, 'latin1')).digest()

test('V7: it is HMAC-SHA-256 for any key and any bytes', () => {
  fc.assert(
    fc.property(bytes(200), fc.array(bytes(1_500), { minLength: 1, maxLength: 5 }), (key, messages) => {
      const hmac = createHmacSha256(key)
      for (const message of messages) assert.deepEqual(hmac.digest(message), reference(key, message))
    }),
  )
})

test('V7: it is HMAC-SHA-256 for latin1 text, whatever it hashed before', () => {
  fc.assert(
    fc.property(bytes(80), fc.array(latin1(700), { minLength: 1, maxLength: 5 }), (key, messages) => {
      const hmac = createHmacSha256(key)
      const out = Buffer.alloc(32)
      for (const message of messages) {
        hmac.digestInto(message, out)
        assert.deepEqual(out, reference(key, message))
        assert.deepEqual(hmac.digest(message), out)
      }
    }),
  )
})

test('V7: the lengths at which something changes: empty, block, end of the preallocated buffer', () => {
  for (const keyLength of [0, 1, 63, 64, 65]) {
    const key = Buffer.alloc(keyLength, 7)
    const hmac = createHmacSha256(key)
    for (const length of [0, 1, 55, 56, 63, 64, 65, 511, 512, 513, 100_000]) {
      const text = 'ÿ'.repeat(length)
      assert.deepEqual(hmac.digest(text), reference(key, text), `${keyLength} ${length}`)
      assert.deepEqual(hmac.digest(Buffer.from(text, 'latin1')), reference(key, text), `${keyLength} ${length}`)
    }
  }
})

test('the key is copied: the caller may wipe it', () => {
  const key = Buffer.alloc(32, 1)
  const expected = reference(key, 'message')
  const hmac = createHmacSha256(key)
  key.fill(0)
  assert.deepEqual(hmac.digest('message'), expected)
})

test('what lives on between two digests holds neither the message nor the key in plain', (t) => {
  const made: Buffer[] = []
  const alloc = Buffer.alloc.bind(Buffer)
  t.mock.method(Buffer, 'alloc', (length: number) => {
    const buffer = alloc(length)
    made.push(buffer)
    return buffer
  })
  const secrets = ['a key of the environment', 'clv_live_a-token-as-text', 'and a message of bytes']
  const [key, text, bytes] = secrets
  const hmac = createHmacSha256(Buffer.from(key!))
  hmac.digest(text!)
  hmac.digest(Buffer.from(bytes!))
  hmac.digestInto(text!, Buffer.from('x'.repeat(32)))
  assert.ok(made.length >= 2)
  for (const buffer of made) for (const secret of secrets) assert.equal(buffer.includes(secret), false, secret)
})

test('V7: text beyond latin1 is refused instead of cut, also where only a lone surrogate is', () => {
  const hmac = createHmacSha256(Buffer.alloc(32))
  const out = Buffer.alloc(32, 9)
  for (const text of ['Ā', 'clv_live_\u{1f511}', '\ud800', `${'x'.repeat(600)}\uffff`]) {
    assert.throws(() => hmac.digestInto(text, out), RangeError)
    assert.throws(() => hmac.digest(text), RangeError)
  }
  assert.deepEqual(out, Buffer.alloc(32, 9))
})

test('a digest is written to the first 32 bytes, or refused when there is no room', () => {
  const hmac = createHmacSha256(Buffer.alloc(32))
  const out = Buffer.alloc(40, 9)
  hmac.digestInto('message', out)
  assert.deepEqual(out, Buffer.concat([hmac.digest('message'), Buffer.alloc(8, 9)]))
  assert.throws(() => hmac.digestInto('message', Buffer.alloc(31)), RangeError)
})

interface MacVector {
  readonly tcId: number
  readonly key: string
  readonly msg: string
  readonly tag: string
  readonly result: 'valid' | 'invalid'
}

interface MacVectors {
  readonly testGroups: readonly { readonly tagSize: number; readonly tests: readonly MacVector[] }[]
}

const vectors = new URL('../../../../shared/vectors/wycheproof/hmac_sha256_test.json', import.meta.url)
const skip = existsSync(vectors) ? false : 'the Wycheproof vectors are not at ../shared/vectors'

test('V7: the Wycheproof vectors for HMAC-SHA-256 come out as they say', { skip }, () => {
  const { testGroups } = JSON.parse(readFileSync(vectors, 'utf8')) as MacVectors
  let count = 0
  for (const { tagSize, tests } of testGroups) {
    for (const { tcId, key, msg, tag, result } of tests) {
      const digest = createHmacSha256(Buffer.from(key, 'hex')).digest(Buffer.from(msg, 'hex'))
      assert.equal(digest.toString('hex', 0, tagSize / 8) === tag, result === 'valid', `tcId ${tcId}`)
      count++
    }
  }
  assert.ok(count > 100)
})
