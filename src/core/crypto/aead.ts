import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { assert } from '#core/base/assert'
import { systemRandom } from './random.ts'

const algorithm = 'aes-256-gcm'
const formatVersion = 1
const nonceLength = 12
const tagLength = 16
const headLength = 1 + nonceLength

export const keyLength = 32

/** How many bytes `seal` adds: version, nonce and tag. */
export const sealOverhead = headLength + tagLength

/**
 * AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce.
 *
 * Random nonces bound one key to 2³² seals (§8.3); the key hierarchy keeps every key far below.
 *
 * @param key 32 bytes
 * @param aad bound to the ciphertext, not contained in it
 * @returns version (1 byte, 0x01) ‖ nonce (12) ‖ ciphertext ‖ tag (16)
 */
export function seal(key: Uint8Array | KeyObject, plaintext: Uint8Array, aad: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafeSlow(plaintext.length + sealOverhead)
  sealed[0] = formatVersion
  const nonce = systemRandom.bytes(nonceLength)
  nonce.copy(sealed, 1)
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagLength })
  cipher.setAAD(aad)
  const ciphertext = cipher.update(plaintext)
  const rest = cipher.final()
  assert(rest.length === 0, 'C2: a ciphertext is whole: GCM holds nothing back')
  ciphertext.copy(sealed, headLength)
  cipher.getAuthTag().copy(sealed, headLength + ciphertext.length)
  return sealed
}

/**
 * Opens what `seal` made. That a ciphertext does not open is an expected answer, so it is data and not an error.
 *
 * @returns the plaintext in memory of its own, which the caller may wipe; null when key or associated data are not
 *   those of the seal, when a byte was changed, or when the shape is not ours
 */
export function open(key: Uint8Array | KeyObject, sealed: Uint8Array, aad: Uint8Array): Buffer | null {
  if (sealed.length < sealOverhead || sealed[0] !== formatVersion) return null
  const tagStart = sealed.length - tagLength
  const decipher = createDecipheriv(algorithm, key, sealed.subarray(1, headLength), { authTagLength: tagLength })
  decipher.setAAD(aad)
  decipher.setAuthTag(sealed.subarray(tagStart))
  const plaintext = decipher.update(sealed.subarray(headLength, tagStart))
  try {
    decipher.final()
  } catch {
    // Unauthenticated plaintext may not be seen by anyone, not even later in a heap.
    plaintext.fill(0)
    return null
  }
  return plaintext
}

/**
 * HKDF-SHA-256 (RFC 5869) without salt: our input keys are uniformly random already (§3.1).
 *
 * @param info says what the output is for; different infos give independent keys
 * @param length bytes, at most 8,160
 */
export function hkdf(key: Uint8Array, info: string | Uint8Array, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', key, new Uint8Array(0), info, length))
}

export type SealingKey = KeyObject

/**
 * A key that seals many times: as an object it costs half of what raw bytes do, lies outside the heap, and does not show
 * in a heap snapshot. The bytes stay the caller's, to wipe.
 */
export const sealingKey = (key: Uint8Array): SealingKey => createSecretKey(key)

/** Wipes key material. The runtime may still hold copies it made on the way; those we cannot reach. */
export function zero(bytes: Uint8Array): void {
  bytes.fill(0)
}
