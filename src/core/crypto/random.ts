import { createCipheriv, hash, randomBytes, randomFillSync } from 'node:crypto'
import type { Random } from '#core/base/id'

const alphabet = Buffer.from('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', 'latin1')
const poolLength = 4096
/** Longer requests go to the CSPRNG themselves. */
const pooledMax = 64

/**
 * Characters of the alphabet from a stream of random bytes. Each byte gives 6 bits; 62 and 63 are thrown away, so that
 * every character is exactly equally likely (rejection sampling: a remainder by 62 would favour the first characters).
 */
function base62From(next: () => number, length: number): string {
  const characters = Buffer.allocUnsafeSlow(length)
  for (let filled = 0; filled < length; ) {
    const value = next() & 63
    if (value < 62) characters[filled++] = alphabet[value]!
  }
  const text = characters.toString('latin1')
  characters.fill(0)
  return text
}

function createSystemRandom(): Random {
  // One call to the CSPRNG costs more than a thousand of its bytes. Each byte is wiped as it is used (C1).
  const pool = Buffer.allocUnsafeSlow(poolLength)
  let used = poolLength
  const next = (): number => {
    if (used === poolLength) {
      randomFillSync(pool)
      used = 0
    }
    const byte = pool[used]!
    pool[used++] = 0
    return byte
  }
  return {
    bytes(length) {
      if (length > pooledMax) return randomBytes(length)
      if (used + length > poolLength) {
        randomFillSync(pool)
        used = 0
      }
      const bytes = Buffer.allocUnsafeSlow(length)
      pool.copy(bytes, 0, used, used + length)
      pool.fill(0, used, used + length)
      used += length
      return bytes
    },
    base62: (length) => base62From(next, length),
  }
}

/** The operating system's CSPRNG. */
export const systemRandom: Random = createSystemRandom()

/**
 * A random source that repeats itself for the same seed: AES-256-CTR under the SHA-256 of the seed. For simulations and
 * tests; whoever knows the seed knows every secret that came out of it.
 */
export function unsafeSeededRandom(seed: string): Random {
  const stream = createCipheriv('aes-256-ctr', hash('sha256', seed, 'buffer'), Buffer.alloc(16))
  const bytes = (length: number): Buffer => stream.update(Buffer.alloc(length))
  let pool: Buffer = Buffer.alloc(0)
  let used = 0
  const next = (): number => {
    if (used === pool.length) {
      pool = bytes(256)
      used = 0
    }
    return pool[used++]!
  }
  return { bytes, base62: (length) => base62From(next, length) }
}
