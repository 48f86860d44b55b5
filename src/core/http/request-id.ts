import type { Random } from '#core/base/id'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'.split('')
const endings = alphabet.flatMap((first) => alphabet.map((second) => first + second))
const beginningLength = 14

/**
 * `req_` and 16 base62 characters. Ids of requests need be unique, not secret, so 14 random characters (83 bits) serve
 * 3,844 of them.
 */
export function createRequestIds(random: Random): () => string {
  let beginning = ''
  let used = endings.length
  return () => {
    if (used === endings.length) {
      beginning = `req_${random.base62(beginningLength)}`
      used = 0
    }
    return beginning + endings[used++]!
  }
}
