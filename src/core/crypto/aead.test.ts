import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { hkdf, keyLength, open, seal, sealOverhead, zero } from './aead.ts'
import { systemRandom } from './random.ts'

const vectorFolder = join(import.meta.dirname, '../../../../shared/vectors/wycheproof')

/** The cases of a Wycheproof file with the members of their group; null where the vectors are not at hand. */
function wycheproof(file: string): Record<string, string>[] | null {
  const path = join(vectorFolder, file)
  if (!existsSync(path)) return null
  const { testGroups } = JSON.parse(readFileSync(path, 'utf8'))
  return testGroups.flatMap(({ tests, ...group }: { tests: object[] }) => tests.map((one) => ({ ...group, ...one })))
}

const absent = (vectors: unknown) => ({ skip: vectors === null ? 'the Wycheproof vectors are not at hand' : false })
const hex = (text: string | undefined) => Buffer.from(text ?? '', 'hex')

const gcmVectors = wycheproof('aes_gcm_test.json')
test('AES-256-GCM opens what Wycheproof calls valid and nothing that it calls invalid', absent(gcmVectors), () => {
  const sizes = (one: Record<string, string>) => [one['keySize'], one['ivSize'], one['tagSize']].join()
  const ours = gcmVectors!.filter((one) => sizes(one) === '256,96,128')
  assert.ok(ours.length >= 60, `only ${ours.length} vectors of our parameters`)
  for (const one of ours) {
    const sealed = Buffer.concat([Buffer.of(1), hex(one['iv']), hex(one['ct']), hex(one['tag'])])
    const plaintext = open(hex(one['key']), sealed, hex(one['aad']))?.toString('hex')
    assert.equal(plaintext, one['result'] === 'valid' ? one['msg'] : undefined, `case ${one['tcId']}`)
  }
})

const hkdfVectors = wycheproof('hkdf_sha256_test.json')
test('HKDF-SHA-256 agrees with Wycheproof', absent(hkdfVectors), () => {
  const ours = hkdfVectors!.filter((one) => one['salt'] === '')
  assert.ok(ours.length >= 15, `only ${ours.length} vectors without salt`)
  for (const one of ours) {
    const derive = () => hkdf(hex(one['ikm']), hex(one['info']), Number(one['size']))
    if (one['result'] === 'valid') assert.equal(derive().toString('hex'), one['okm'], `case ${one['tcId']}`)
    else assert.throws(derive, `case ${one['tcId']}`)
  }
})

const bytes = fc.uint8Array({ maxLength: 200 })

test('what was sealed opens with the same key and associated data', () => {
  fc.assert(fc.property(bytes, bytes, (plaintext, aad) => {
    const key = systemRandom.bytes(keyLength)
    const sealed = seal(key, plaintext, aad)
    assert.equal(sealed.length, plaintext.length + sealOverhead)
    assert.deepEqual(open(key, sealed, aad), Buffer.from(plaintext))
    assert.deepEqual(open(createSecretKey(key), sealed, aad), Buffer.from(plaintext))
  }))
})

test('a sealed text with any bit changed, cut or lengthened does not open', () => {
  const key = systemRandom.bytes(keyLength)
  const aad = Buffer.from('place')
  const sealed = seal(key, Buffer.from('a secret'), aad)
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Buffer.from(sealed)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    assert.equal(open(key, changed, aad), null, `bit ${bit}`)
  }
  for (let length = 0; length < sealed.length; length++) assert.equal(open(key, sealed.subarray(0, length), aad), null)
  assert.equal(open(key, Buffer.concat([sealed, Buffer.of(0)]), aad), null)
})

test('a sealed text does not open under another key or in another place', () => {
  const key = systemRandom.bytes(keyLength)
  const sealed = seal(key, Buffer.from('a secret'), Buffer.from('here'))
  assert.equal(open(key, sealed, Buffer.from('there')), null)
  assert.equal(open(systemRandom.bytes(keyLength), sealed, Buffer.from('here')), null)
})

test('no two seals share a nonce', () => {
  const key = systemRandom.bytes(keyLength)
  const nonces = Array.from({ length: 2_000 }, () => seal(key, Buffer.of(), Buffer.of()).toString('hex', 1, 13))
  assert.equal(new Set(nonces).size, nonces.length)
})

test('a wiped buffer is all zeros', () => {
  const key = systemRandom.bytes(keyLength)
  zero(key)
  assert.deepEqual(key, Buffer.alloc(keyLength))
})
