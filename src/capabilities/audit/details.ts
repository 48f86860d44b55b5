/**
 * Details: personal and free-form data beside the log.
 *
 * What is committed to is SHA-256(salt ‖ canonical JSON) with 32 random bytes of salt, so that a leaf reveals nothing
 * of a guessable value such as an address; salt and data are sealed together under the subject's key. Destroying that
 * key erases both, and the tree still verifies.
 *
 * Invariant A8: details open to what their commitment says, or not at all.
 *
 * @module
 */
import { canonicalJson, type JsonObject } from '#core/base/json'
import { open, seal, sealOverhead, type SealingKey } from '#core/crypto/aead'
import { sha256 } from '#core/crypto/hash'
import type { DetailMark } from './entry.ts'

/** Of what makes a guess at a detail useless: random, and as long as what commits to it. */
export const detailSaltLength = 32

export interface SealedDetail {
  readonly subject: string
  /** base64url */
  readonly sealed: string
}

interface Place {
  readonly workspaceId: string
  /** Of an entry, or of a block. */
  readonly entryId: string
  readonly subject: string
}

/** Binds sealed details to their place, so that they cannot be moved to another entry or person. */
const aadOf = ({ workspaceId, entryId, subject }: Place): Buffer =>
  Buffer.from(canonicalJson({ entry: entryId, subject, type: 'details', workspace: workspaceId }), 'utf8')

/** @param salt `detailSaltLength` random bytes, never used before */
export function sealDetail(
  key: Uint8Array | SealingKey, place: Place, data: JsonObject, salt: Uint8Array,
): { mark: DetailMark; detail: SealedDetail } {
  const plain = Buffer.concat([salt, Buffer.from(canonicalJson(data), 'utf8')])
  const sealed = seal(key, plain, aadOf(place)).toString('base64url')
  const commitment = sha256(plain).toString('base64url')
  return { mark: { subject: place.subject, commitment }, detail: { subject: place.subject, sealed } }
}

/** The data again, or null when it does not open under this key at this place or does not match its commitment. */
export function openDetail(
  key: Uint8Array | SealingKey, place: Place, detail: SealedDetail, mark: DetailMark,
): JsonObject | null {
  return openSalted(key, place, detail, mark)?.data ?? null
}

/** The same, with the salt: with both, whoever may read the data can check it against the leaf. */
export function openSalted(
  key: Uint8Array | SealingKey, place: Place, detail: SealedDetail, mark: DetailMark,
): { readonly data: JsonObject; readonly salt: string } | null {
  const plain = open(key, Buffer.from(detail.sealed, 'base64url'), aadOf(place))
  if (plain === null || sha256(plain).toString('base64url') !== mark.commitment) return null
  return {
    data: JSON.parse(plain.subarray(detailSaltLength).toString('utf8')) as JsonObject,
    salt: plain.subarray(0, detailSaltLength).toString('base64url'),
  }
}

export const encodeDetails = (details: readonly SealedDetail[]): Buffer =>
  details.length === 0 ? Buffer.alloc(0) : Buffer.from(JSON.stringify(details), 'utf8')

/** Null when these are not details that we encoded. */
export function decodeDetails(bytes: Uint8Array): readonly SealedDetail[] | null {
  if (bytes.length === 0) return []
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
    return Array.isArray(value) && value.every(isSealedDetail) ? value : null
  } catch {
    return null
  }
}

/** Whether it is long enough to hold a salt under a seal; whether it opens, only the key process can tell. */
export const isSealed = ({ sealed }: SealedDetail): boolean => Buffer.byteLength(sealed, 'base64url') > detailSaltLength + sealOverhead

const isSealedDetail = (value: unknown): value is SealedDetail =>
  typeof value === 'object' && value !== null && 'subject' in value && typeof value.subject === 'string' && 'sealed' in value && typeof value.sealed === 'string'
