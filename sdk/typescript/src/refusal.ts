/**
 * How a protected service answers a request that it does not let through.
 *
 * Everything in an answer is ours or was checked: nothing of the request is repeated in it.
 *
 * @module
 */
import { verdicts } from './generated.ts'

/** A code of Claviger's, `missing-key`, or one that a newer Claviger has. Compare this, never the texts. */
export type RefusalCode = keyof typeof verdicts | 'missing-key' | (string & Record<never, never>)

/** A refusal, ready to be sent. */
export interface Refusal {
  readonly code: RefusalCode
  readonly status: 401 | 403 | 429 | 503
  readonly title: string
  /** Lower-case names. `content-length` is left to the server. */
  readonly headers: Readonly<Record<string, string>>
  /** The problem (RFC 9457), as JSON. */
  readonly body: string
}

/** What a 401 or 403 says of how to ask (RFC 9110 §11.6.1). */
export interface Challenge {
  readonly scheme: 'Bearer' | 'ApiKey'
  readonly realm: string
}

const missingKey = { status: 401, title: 'A key is needed.' } as const
/** A reason that this version does not know is a reason all the same. */
const unknownReason = { status: 401, title: 'This key is refused.' } as const

/**
 * @param scope permissions that would be needed; each has been checked to be a permission's name
 * @param retryAfterS for 429 and 503; 1 when nobody said
 */
export function refusalOf(code: RefusalCode, challenge: Challenge, scope: readonly string[] = [], retryAfterS: number | null = null): Refusal {
  const { status, title } = code === 'missing-key' ? missingKey : Object.hasOwn(verdicts, code) ? verdicts[code as keyof typeof verdicts] : unknownReason
  return {
    code,
    status,
    title,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...challengeHeader(code, status, challenge, scope),
      ...(status === 429 || status === 503 ? { 'retry-after': String(retryAfterS ?? 1) } : {}),
    },
    body: JSON.stringify({ type: `urn:claviger:refusal:${code}`, title, status, code }),
  }
}

/** RFC 6750 §3: without a key no error is named; 401 says that the key is at fault, 403 what it would need. */
function challengeHeader(code: RefusalCode, status: number, { scheme, realm }: Challenge, scope: readonly string[]): Readonly<Record<string, string>> {
  const start = `${scheme} realm="${realm}"`
  if (code === 'missing-key') return { 'www-authenticate': start }
  if (status === 401) return { 'www-authenticate': `${start}, error="invalid_token"` }
  if (code !== 'permission-denied') return {}
  return { 'www-authenticate': `${start}, error="insufficient_scope"${scope.length === 0 ? '' : `, scope="${scope.join(' ')}"`}` }
}

const realmShape = /^[\x20\x21\x23-\x5b\x5d-\x7e]{1,80}$/

/** @throws TypeError for what would not stand in quotes */
export function requireRealm(realm: string): string {
  if (!realmShape.test(realm)) throw new TypeError('A realm is 1 to 80 printable ASCII characters, without quotes and backslashes.')
  return realm
}
