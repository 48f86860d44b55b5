/**
 * Signature algorithms by name: what an identifier means is looked up once, and nothing below branches on it.
 *
 * A private key is its 32-byte seed (RFC 8032 §5.1.5 for Ed25519, FIPS 204 §5.1 ξ for ML-DSA), so it can be wrapped and
 * wiped like any other key. A public key is raw bytes, as C2SP signed notes carry it.
 *
 * @module
 */
import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { assert } from '#core/base/assert'

export type SignatureAlgorithmName = 'ed25519' | 'ml-dsa-44'

export interface SignatureAlgorithm {
  /** Bytes of a raw public key. */
  readonly publicKeyLength: number
  /** Bytes of a signature. */
  readonly signatureLength: number
  /** @param seed 32 bytes; the caller's to wipe */
  sign(seed: Uint8Array, message: Uint8Array): Buffer
  /** The raw public key. */
  publicKey(seed: Uint8Array): Buffer
  /** False for anything that is not a signature of this message under this key, however malformed. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
}

const seedLength = 32

interface Encoding {
  readonly publicKeyLength: number
  readonly signatureLength: number
  /** DER that stands before the seed in PKCS#8. */
  readonly privatePrefix: Buffer
  /** DER that stands before the raw public key in SubjectPublicKeyInfo. */
  readonly publicPrefix: Buffer
}

/** RFC 8410 §7 and §10.3; RFC 9881 §4 and §6 (the seed alone, tagged [0]). */
const encodings: Readonly<Record<SignatureAlgorithmName, Encoding>> = {
  'ed25519': {
    publicKeyLength: 32,
    signatureLength: 64,
    privatePrefix: Buffer.from('302e020100300506032b657004220420', 'hex'),
    publicPrefix: Buffer.from('302a300506032b6570032100', 'hex'),
  },
  'ml-dsa-44': {
    publicKeyLength: 1312,
    signatureLength: 2420,
    privatePrefix: Buffer.from('3034020100300b060960864801650304031104228020', 'hex'),
    publicPrefix: Buffer.from('30820532300b06096086480165030403110382052100', 'hex'),
  },
}

function algorithm({ publicKeyLength, signatureLength, privatePrefix, publicPrefix }: Encoding): SignatureAlgorithm {
  function privateKeyOf(seed: Uint8Array): KeyObject {
    assert(seed.length === seedLength, 'C1: a signing key is a seed of 32 bytes')
    const der = Buffer.concat([privatePrefix, seed])
    try {
      return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    } finally {
      der.fill(0)
    }
  }

  return {
    publicKeyLength,
    signatureLength,
    sign: (seed, message) => sign(null, message, privateKeyOf(seed)),
    publicKey: (seed) => createPublicKey(privateKeyOf(seed)).export({ format: 'der', type: 'spki' }).subarray(-publicKeyLength),
    verify(publicKey, message, signature) {
      if (publicKey.length !== publicKeyLength || signature.length !== signatureLength) return false
      try {
        const key = createPublicKey({ key: Buffer.concat([publicPrefix, publicKey]), format: 'der', type: 'spki' })
        return verify(null, message, key, signature)
      } catch {
        return false
      }
    },
  }
}

export const signatureAlgorithms: Readonly<Record<SignatureAlgorithmName, SignatureAlgorithm>> = {
  'ed25519': algorithm(encodings['ed25519']),
  'ml-dsa-44': algorithm(encodings['ml-dsa-44']),
}
