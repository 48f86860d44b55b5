/**
 * Keys that sign notes: C2SP signed-note ("Signatures", "Verifier keys") and tlog-cosignature ("ML-DSA-44 signed message").
 *
 * @module
 */
import { createPublicKey, hash, verify, type KeyObject } from 'node:crypto'
import { parseBase64 } from './base64.ts'
import { parseCheckpoint } from './checkpoint.ts'

export type NoteAlgorithmName = 'ed25519' | 'ml-dsa-44'

export interface NoteAlgorithm {
  /** The signature type identifier byte. */
  readonly type: number
  /** Bytes of a raw public key. */
  readonly publicKeyLength: number
  /** Bytes of a signature, without a time before it. */
  readonly signatureLength: number
  /** Whether 8 bytes of POSIX time stand before the signature, and are signed. */
  readonly timestamped: boolean
  /** DER that stands before the raw public key in SubjectPublicKeyInfo (RFC 8410 §4, RFC 9881 §4). */
  readonly publicPrefix: Buffer
  /** What is signed. @throws RangeError when the body cannot be signed so */
  message(name: string, body: string, atS: number): Buffer
}

export const noteAlgorithms: Readonly<Record<NoteAlgorithmName, NoteAlgorithm>> = {
  'ed25519': {
    type: 0x01,
    publicKeyLength: 32,
    signatureLength: 64,
    timestamped: false,
    publicPrefix: Buffer.from('302a300506032b6570032100', 'hex'),
    message: (_name, body) => Buffer.from(body, 'utf8'),
  },
  'ml-dsa-44': {
    type: 0x06,
    publicKeyLength: 1312,
    signatureLength: 2420,
    timestamped: true,
    publicPrefix: Buffer.from('30820532300b06096086480165030403110382052100', 'hex'),
    message: cosignedMessage,
  },
}

const keyIdLength = 4
const timeLength = 8
const hexKeyId = /^[0-9a-f]{8}$/
/** No spaces of any script, no plus, no control characters (signed-note, "Format"). */
// oxlint-disable-next-line no-control-regex -- they are what is refused
const forbiddenInName = /[\p{White_Space}+\u0000-\u001f]/u

export const isKeyName = (name: string): boolean => name !== '' && name.isWellFormed() && !forbiddenInName.test(name)

export interface VerifierKey {
  readonly name: string
  readonly algorithm: NoteAlgorithmName
  /** 4 bytes: with the name they say which key signed. */
  readonly keyId: Buffer
  readonly publicKey: Buffer
}

/**
 * A verifier key (`vkey`): name, key id and public key in one line of text.
 *
 * @throws RangeError when the name or the key is none
 */
export function verifierKey(name: string, algorithm: NoteAlgorithmName, publicKey: Uint8Array): string {
  const id = keyIdOf(name, algorithm, publicKey)
  return `${name}+${id.toString('hex')}+${typedKey(algorithm, publicKey).toString('base64')}`
}

/** Reads a verifier key, or null when it is none, its key id does not fit, or its algorithm is not in the table. */
export function parseVerifierKey(vkey: string): VerifierKey | null {
  const afterName = vkey.indexOf('+')
  const afterId = afterName + 1 + 2 * keyIdLength
  if (afterName < 1 || vkey[afterId] !== '+') return null
  const name = vkey.slice(0, afterName)
  const hexId = vkey.slice(afterName + 1, afterId)
  const typed = parseBase64(vkey.slice(afterId + 1))
  if (!isKeyName(name) || !hexKeyId.test(hexId) || typed === null || typed.length === 0) return null
  const algorithm = algorithmOfType(typed[0]!)
  const publicKey = typed.subarray(1)
  if (algorithm === null || publicKey.length !== noteAlgorithms[algorithm].publicKeyLength) return null
  const keyId = keyIdOf(name, algorithm, publicKey)
  return keyId.toString('hex') === hexId ? { name, algorithm, keyId, publicKey } : null
}

/**
 * What the private key signs. An ML-DSA-44 key signs checkpoints only, and a time with them.
 *
 * @param atS POSIX time in whole seconds; Ed25519 signs none
 * @throws RangeError when a note or key cannot be signed so
 */
export function messageToSign(
  algorithm: NoteAlgorithmName, { name, body, atS }: { readonly name: string; readonly body: string; readonly atS: number },
): Buffer {
  if (!isKeyName(name)) throw new RangeError('a key name has no spaces and no plus')
  return noteAlgorithms[algorithm].message(name, body, atS)
}

/**
 * The line that stands under the note, its newline included.
 *
 * @param signature what signing `messageToSign` of the same `atS` gave
 * @throws RangeError when a length or the time is not as the algorithm says
 */
export function signatureLine({ name, algorithm, publicKey, signature, atS }: {
  readonly name: string
  readonly algorithm: NoteAlgorithmName
  readonly publicKey: Uint8Array
  readonly signature: Uint8Array
  readonly atS: number
}): string {
  const { signatureLength, timestamped } = noteAlgorithms[algorithm]
  if (signature.length !== signatureLength) throw new RangeError(`a signature by ${algorithm} has ${signatureLength} bytes`)
  const time = timestamped ? uint64(atS) : Buffer.alloc(0)
  const bytes = Buffer.concat([keyIdOf(name, algorithm, publicKey), time, signature])
  return `— ${name} ${bytes.toString('base64')}\n`
}

/** Checks signatures of one key over note bodies. */
export interface SignatureCheck {
  readonly vkey: string
  readonly name: string
  /** Whether a signature with this key id is this key's. */
  claims(name: string, keyId: Uint8Array): boolean
  /** @param signature what stands behind the key id */
  verifies(body: string, signature: Uint8Array): boolean
}

/** @throws RangeError when `vkey` is no verifier key: `parseVerifierKey` tells before */
export function signatureCheck(vkey: string): SignatureCheck {
  const key = parseVerifierKey(vkey)
  if (key === null) throw new RangeError('not a verifier key')
  const { name, keyId, publicKey } = key
  const algorithm = noteAlgorithms[key.algorithm]
  const expectedLength = algorithm.signatureLength + (algorithm.timestamped ? timeLength : 0)
  let imported: KeyObject | null = null
  return {
    vkey,
    name,
    claims: (otherName, otherId) => otherName === name && keyId.equals(otherId),
    verifies(body, signature) {
      if (signature.length !== expectedLength) return false
      try {
        const atS = algorithm.timestamped ? Number(Buffer.from(signature).readBigUInt64BE()) : 0
        const message = algorithm.message(name, body, atS)
        imported ??= createPublicKey({ key: Buffer.concat([algorithm.publicPrefix, publicKey]), format: 'der', type: 'spki' })
        return verify(null, message, imported, signature.subarray(expectedLength - algorithm.signatureLength))
      } catch {
        // A body that this algorithm cannot sign, a time out of range, bytes that are no point of the curve.
        return false
      }
    },
  }
}

function algorithmOfType(type: number): NoteAlgorithmName | null {
  for (const name of Object.keys(noteAlgorithms) as NoteAlgorithmName[]) {
    if (noteAlgorithms[name].type === type) return name
  }
  return null
}

const typedKey = (algorithm: NoteAlgorithmName, publicKey: Uint8Array): Buffer =>
  Buffer.concat([Buffer.of(noteAlgorithms[algorithm].type), publicKey])

/** SHA-256(name ‖ 0A ‖ type ‖ public key), the first four bytes. */
function keyIdOf(name: string, algorithm: NoteAlgorithmName, publicKey: Uint8Array): Buffer {
  if (!isKeyName(name)) throw new RangeError('a key name has no spaces and no plus')
  const { publicKeyLength } = noteAlgorithms[algorithm]
  if (publicKey.length !== publicKeyLength) throw new RangeError(`a public key of ${algorithm} has ${publicKeyLength} bytes`)
  const bytes = Buffer.concat([Buffer.from(`${name}\n`, 'utf8'), typedKey(algorithm, publicKey)])
  return hash('sha256', bytes, 'buffer').subarray(0, keyIdLength)
}

/** tlog-cosignature, `cosigned_message`, of a whole tree: label, name, time, origin, 0, size, root. */
function cosignedMessage(name: string, body: string, atS: number): Buffer {
  const checkpoint = parseCheckpoint(body)
  if (checkpoint === null) throw new RangeError('an ML-DSA-44 key signs checkpoints only')
  return Buffer.concat([
    Buffer.from('subtree/v1\n\0', 'latin1'),
    opaque(name),
    uint64(atS),
    opaque(checkpoint.origin),
    uint64(0),
    uint64(checkpoint.size),
    checkpoint.root,
  ])
}

/** RFC 8446 §3.4: one byte of length, 1 to 255 bytes. */
function opaque(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8')
  if (bytes.length < 1 || bytes.length > 255) throw new RangeError('a cosigned name or origin has 1 to 255 bytes')
  return Buffer.concat([Buffer.of(bytes.length), bytes])
}

function uint64(value: number): Buffer {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('a time in a signature is in whole seconds from 1970 on')
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}
