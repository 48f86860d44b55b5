/**
 * The `Authorization` header and its challenges (RFC 9110 §11, RFC 6750). Credentials come from nowhere else: not from
 * the query, not from a cookie, not from a body.
 *
 * @module
 */
import type { Fault } from '#core/base/fault'
import { httpFaults } from './faults.ts'

const credentialMaxLength = 512
const scheme = 'bearer '
/** RFC 6750 §2.1, `b64token`. */
const bearerCredential = /^[A-Za-z0-9._~+/-]+=*$/

/** The bearer credential, or null when there is no header. @throws Fault http/unauthenticated for any other scheme or shape */
export function bearerOf(header: string | undefined): string | null {
  if (header === undefined) return null
  const credential = header.slice(scheme.length)
  if (header.slice(0, scheme.length).toLowerCase() !== scheme || credential.length > credentialMaxLength || !bearerCredential.test(credential)) {
    throw httpFaults.unauthenticated('Send `Authorization: Bearer` and the credential, with one space between.')
  }
  return credential
}

/** The headers that belong to a refusal (RFC 6750 §3). */
export function challengeOf(fault: Fault, hadCredential: boolean, permission: string): readonly string[] {
  if (fault.code === 'http/unauthenticated') {
    return ['www-authenticate', `Bearer realm="claviger"${hadCredential ? ', error="invalid_token"' : ''}`]
  }
  if (fault.code === 'http/forbidden') {
    return ['www-authenticate', `Bearer realm="claviger", error="insufficient_scope", scope="${permission}"`]
  }
  return []
}
