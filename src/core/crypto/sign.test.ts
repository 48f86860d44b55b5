import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemRandom } from './random.ts'
import { signatureAlgorithms, type SignatureAlgorithmName } from './sign.ts'

const vectorFolder = join(import.meta.dirname, '../../../../shared/vectors/wycheproof')
const hex = (text: string): Buffer => Buffer.from(text, 'hex')
const names = Object.keys(signatureAlgorithms) as SignatureAlgorithmName[]

interface Group {
  readonly publicKey: { readonly pk?: string } | string
  readonly tests: readonly { readonly tcId: number; readonly msg: string; readonly sig: string; readonly ctx?: string; readonly result: string }[]
}

for (const [name, file] of [['ed25519', 'ed25519_test.json'], ['ml-dsa-44', 'mldsa_44_verify_test.json']] as const) {
  const path = join(vectorFolder, file)
  const skip = existsSync(path) ? false : 'the Wycheproof vectors are not at hand'
  test(`${name} verifies what Wycheproof calls valid and nothing that it calls invalid`, { skip }, () => {
    const { testGroups } = JSON.parse(readFileSync(path, 'utf8')) as { testGroups: Group[] }
    let [valid, invalid] = [0, 0]
    for (const { publicKey, tests } of testGroups) {
      const key = hex(typeof publicKey === 'string' ? publicKey : (publicKey.pk ?? ''))
      for (const { tcId, msg, sig, ctx, result } of tests) {
        // Contexts are a parameter that signed notes do not use.
        if (ctx !== undefined && ctx !== '') continue
        const verified = signatureAlgorithms[name].verify(key, hex(msg), hex(sig))
        assert.equal(verified, result === 'valid', `test ${tcId}`)
        if (verified) valid++
        else invalid++
      }
    }
    assert.ok(valid > 20 && invalid > 20, `${valid} valid, ${invalid} invalid`)
  })
}

test('ML-DSA-44 derives the public key from a seed as Wycheproof says', { skip: existsSync(vectorFolder) ? false : 'the Wycheproof vectors are not at hand' }, () => {
  const { testGroups } = JSON.parse(readFileSync(join(vectorFolder, 'mldsa_44_sign_seed_test.json'), 'utf8')) as {
    testGroups: { privateSeed: string; publicKey: string | null }[]
  }
  let checked = 0
  for (const { privateSeed, publicKey } of testGroups) {
    if (hex(privateSeed).length !== 32 || publicKey === null || publicKey === undefined) continue
    assert.equal(signatureAlgorithms['ml-dsa-44'].publicKey(hex(privateSeed)).toString('hex'), publicKey)
    checked++
  }
  assert.ok(checked > 0)
})

for (const name of names) {
  const algorithm = signatureAlgorithms[name]

  test(`${name}: a signature verifies under its own key and message only, and has the length that is said`, () => {
    const [seed, other] = [systemRandom.bytes(32), systemRandom.bytes(32)]
    const message = Buffer.from('checkpoint')
    const signature = algorithm.sign(seed, message)
    assert.deepEqual([signature.length, algorithm.publicKey(seed).length], [algorithm.signatureLength, algorithm.publicKeyLength])
    assert.equal(algorithm.verify(algorithm.publicKey(seed), message, signature), true)
    assert.equal(algorithm.verify(algorithm.publicKey(other), message, signature), false)
    assert.equal(algorithm.verify(algorithm.publicKey(seed), Buffer.from('checkpoinT'), signature), false)
    signature[10]! ^= 1
    assert.equal(algorithm.verify(algorithm.publicKey(seed), message, signature), false)
  })

  test(`${name}: what is no key or no signature is false, not an error`, () => {
    const [key, message] = [algorithm.publicKey(systemRandom.bytes(32)), Buffer.from('m')]
    assert.equal(algorithm.verify(Buffer.alloc(0), message, Buffer.alloc(algorithm.signatureLength)), false)
    assert.equal(algorithm.verify(key, message, Buffer.alloc(0)), false)
    assert.equal(algorithm.verify(Buffer.alloc(algorithm.publicKeyLength, 0xff), message, Buffer.alloc(algorithm.signatureLength)), false)
  })

  test(`${name}: a seed gives the same public key each time, and another seed another`, () => {
    const seed = systemRandom.bytes(32)
    assert.deepEqual(algorithm.publicKey(seed), algorithm.publicKey(Buffer.from(seed)))
    assert.notDeepEqual(algorithm.publicKey(seed), algorithm.publicKey(systemRandom.bytes(32)))
  })
}
