/** How a protecting server answers a refusal: the HTTP status, and a line for the one who was refused. */
interface Refusal {
  readonly httpStatus: 401 | 403 | 429 | 503
  readonly title: string
}

/**
 * Every reason to refuse, by its code. Codes are frozen once released.
 *
 * 401 when the key itself counts for nothing here (RFC 6750 §3.1 `invalid_token`), 403 when it is good but not for
 * this, 429 and 503 when another try may succeed. An outage is never said to be the key's fault.
 */
export const verdicts = Object.freeze({
  'malformed': { httpStatus: 401, title: 'This is not a key, or part of it is missing.' },
  'not-found': { httpStatus: 401, title: 'There is no such key.' },
  'tampered': { httpStatus: 401, title: 'The stored record of this key is not to be believed.' },
  'revoked': { httpStatus: 401, title: 'This key was revoked.' },
  'disabled': { httpStatus: 401, title: 'This key is disabled.' },
  'pending': { httpStatus: 401, title: 'This key is not approved yet.' },
  'expired': { httpStatus: 401, title: 'This key has expired.' },
  'wrong-environment': { httpStatus: 401, title: 'This key belongs to another environment.' },
  'ip-required': { httpStatus: 403, title: 'This key is bound to addresses, and the client address is not known.' },
  'ip-not-allowed': { httpStatus: 403, title: 'This key may not be used from this address.' },
  'origin-required': { httpStatus: 403, title: 'This key is bound to web origins, and the request names none.' },
  'origin-not-allowed': { httpStatus: 403, title: 'This key may not be used from this origin.' },
  'outside-window': { httpStatus: 403, title: 'This key may not be used at this time.' },
  'permission-denied': { httpStatus: 403, title: 'This key does not have the permission needed.' },
  'rate-limited': { httpStatus: 429, title: 'This key has used up its limit for now.' },
  'verifier-stale': { httpStatus: 503, title: 'Keys cannot be checked now: what is known of them is too old.' },
  'unavailable': { httpStatus: 503, title: 'Keys cannot be checked now.' },
} as const satisfies Record<string, Refusal>)

export type RefusalCode = keyof typeof verdicts
export type VerdictCode = 'valid' | RefusalCode

export type Verdict =
  | { readonly valid: true; readonly code: 'valid' }
  | { readonly valid: false; readonly code: RefusalCode }

const valid: Verdict = Object.freeze({ valid: true, code: 'valid' })

const constants: ReadonlyMap<VerdictCode, Verdict> = new Map<VerdictCode, Verdict>([
  ['valid', valid],
  ...(Object.keys(verdicts) as RefusalCode[]).map((code) => [code, Object.freeze({ valid: false, code })] as const),
])

/** The verdict of that code: one frozen object each, so that deciding allocates nothing. */
export function verdictOf(code: VerdictCode): Verdict {
  const verdict = constants.get(code)
  if (verdict === undefined) throw new RangeError(`there is no verdict ${code}`)
  return verdict
}
