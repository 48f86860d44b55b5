import { timingSafeEqual } from 'node:crypto'

const digestLength = 32
const scratch = Buffer.alloc(digestLength)

/**
 * Whether the 32 bytes of `a` from `aOffset` on equal `b`, in a time that does not tell where they differ.
 *
 * Guarantee V2. The bytes are copied because `timingSafeEqual` takes whole arrays, and making a view of a large one
 * costs more than moving 32 bytes. It refuses a `b` of another length itself.
 *
 * @throws RangeError when either does not have 32 bytes there
 */
export function equalDigest(a: Uint8Array, aOffset: number, b: Uint8Array): boolean {
  if (!Number.isInteger(aOffset) || aOffset < 0 || aOffset + digestLength > a.length) {
    throw new RangeError('a digest has 32 bytes')
  }
  for (let index = 0; index < digestLength; index++) scratch[index] = a[aOffset + index]!
  return timingSafeEqual(scratch, b)
}
