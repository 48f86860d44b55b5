/**
 * The token: `{prefix}_{tag}_{id16}{secret43}{crc6}`.
 *
 * `prefix` names the API, `tag` the environment; 16 base62 characters are the key's public id, 43 its secret (256
 * bits), 6 the CRC-32 of everything before them. Only letters, digits and `_`: a double click selects it, a regular
 * expression finds it, and the checksum tells it from its look-alikes without asking anybody.
 *
 * @module
 */
import { crc32 } from './crc32.ts'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const idLength = 16
const secretLength = 43
const checksumLength = 6
const bodyLength = idLength + secretLength + checksumLength
const prefixMaxLength = 12
const tagMaxLength = 8
const nameMinLength = 2

/** Characters of the longest token. Anything longer is refused unread. */
export const tokenMaxLength = prefixMaxLength + 1 + tagMaxLength + 1 + bodyLength
const tokenMinLength = nameMinLength + 1 + nameMinLength + 1 + bodyLength

const underscore = 0x5f

/** For each ASCII code: 1 a digit, 2 a lower-case letter, 4 an upper-case letter, 0 anything else. */
const kinds = new Uint8Array(128)
const digit = 1
const lower = 2
const upper = 4
kinds.fill(digit, 0x30, 0x3a).fill(lower, 0x61, 0x7b).fill(upper, 0x41, 0x5b)

const kindOf = (code: number): number => (code < 128 ? kinds[code]! : 0)

/** What a token is made of. */
export interface Token {
  /** The API's: a lower-case letter and 1 to 11 lower-case letters or digits. */
  readonly prefix: string
  /** The environment's: a lower-case letter and 1 to 7 lower-case letters or digits. */
  readonly tag: string
  /** 16 base62 characters, public. */
  readonly id: string
  /** 43 base62 characters, 256 bits. */
  readonly secret: string
}

/** What a presented token tells. Its secret stays in the text: verification hashes that whole, so none is copied. */
export type ParsedToken = Omit<Token, 'secret'>

/** @throws RangeError when a part is not as `Token` says; the message names no part's value */
export function formatToken({ prefix, tag, id, secret }: Token): string {
  const unchecked = `${prefix}_${tag}_${id}${secret}`
  const text = unchecked + checksumOf(unchecked)
  // That it parses says that it has the right length; that the id comes back, that every part has.
  if (parseToken(text)?.id !== id) {
    throw new RangeError('a token has a prefix, a tag, an id of 16 and a secret of 43 base62 characters')
  }
  return text
}

/**
 * Reads a token, or null for anything that is not exactly one: wrong shape, wrong checksum, a character too many.
 *
 * Guarantee V1: garbage is told here, in one pass over at most 87 characters, before anything is looked up.
 */
export function parseToken(text: string): ParsedToken | null {
  const { length } = text
  if (length < tokenMinLength || length > tokenMaxLength) return null
  const bodyStart = length - bodyLength
  const prefixEnd = text.indexOf('_')
  if (!isName(text, 0, prefixEnd, prefixMaxLength)) return null
  if (!isName(text, prefixEnd + 1, bodyStart - 1, tagMaxLength)) return null
  if (text.charCodeAt(bodyStart - 1) !== underscore) return null
  for (let index = bodyStart; index < length; index++) if (kindOf(text.charCodeAt(index)) === 0) return null
  if (!hasChecksum(text)) return null
  return {
    prefix: text.slice(0, prefixEnd),
    tag: text.slice(prefixEnd + 1, bodyStart - 1),
    id: text.slice(bodyStart, bodyStart + idLength),
  }
}

function isName(text: string, start: number, end: number, maxLength: number): boolean {
  const length = end - start
  if (length < nameMinLength || length > maxLength || kindOf(text.charCodeAt(start)) !== lower) return false
  for (let index = start + 1; index < end; index++) {
    if ((kindOf(text.charCodeAt(index)) & (lower | digit)) === 0) return false
  }
  return true
}

/** CRC-32 as 6 base62 digits, most significant first: 62⁶ > 2³², so every checksum fits and has one spelling. */
function checksumOf(unchecked: string): string {
  let rest = crc32(unchecked, unchecked.length)
  let digits = ''
  for (let count = 0; count < checksumLength; count++) {
    digits = alphabet.charAt(rest % 62) + digits
    rest = Math.floor(rest / 62)
  }
  return digits
}

function hasChecksum(text: string): boolean {
  const start = text.length - checksumLength
  let rest = crc32(text, start)
  for (let index = text.length - 1; index >= start; index--) {
    if (text.charCodeAt(index) !== alphabet.charCodeAt(rest % 62)) return false
    rest = Math.floor(rest / 62)
  }
  return true
}

/**
 * Source of a regular expression that finds tokens in text, for scanners; `parseToken` then tells the real ones.
 *
 * No word boundaries in it: in source code a token may follow an escape such as `\n`, whose letter touches it. For the
 * same reason a scanner that knows its prefixes finds more than one that does not.
 *
 * @throws RangeError when `prefix` is none
 */
export function tokenPattern(prefix?: string): string {
  if (prefix !== undefined && !isName(prefix, 0, prefix.length, prefixMaxLength)) {
    throw new RangeError('a prefix is a lower-case letter and 1 to 11 lower-case letters or digits')
  }
  return `${prefix ?? '[a-z][a-z0-9]{1,11}'}_[a-z][a-z0-9]{1,7}_[0-9A-Za-z]{${bodyLength}}`
}

/** The public part of a token, for people to recognise it by: `clv_live_0123456789abcdef…`. */
export const hintOf = ({ prefix, tag, id }: ParsedToken): string => `${prefix}_${tag}_${id}…`

/**
 * `length` characters of `0-9A-Za-z`, each exactly equally likely if the bytes are.
 *
 * Rejection sampling over 6 bits of each byte: a remainder by 62 would favour the first characters, while 62 and 63 are
 * places where the alphabet has none. The bytes are wiped. This is guarantee V8.
 */
export function base62FromRandom(randomBytes: (length: number) => Uint8Array, length: number): string {
  let text = ''
  while (text.length < length) {
    const bytes = randomBytes(length - text.length)
    for (const byte of bytes) text += alphabet.charAt(byte & 63)
    bytes.fill(0)
  }
  return text
}
