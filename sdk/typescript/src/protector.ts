/**
 * Verifies presented keys by asking Claviger. Nothing is cached, so a revoked key is refused by the next request; and
 * whatever goes wrong on the way, nothing is let through that Claviger did not call valid.
 *
 * @module
 */
import { addressOf, originOf } from './client-facts.ts'
import { hasCredentialShape, type ConnectionOptions } from './connection.ts'
import { ClavigerProblem, ClavigerUnavailable } from './errors.ts'
import { Gate } from './gate.ts'
import { operations } from './generated.ts'
import type { OperationSpec } from './operation.ts'
import { demandsOf, scopeOf, type Demands, type Permissions } from './permissions.ts'
import { refusalOf, requireRealm, type Challenge, type Refusal } from './refusal.ts'
import { createReporter } from './report.ts'
import { createTransport, type Transport } from './transport.ts'
import { VerifiedKey } from './verified-key.ts'

export interface ProtectorOptions extends ConnectionOptions {
  /** The environment that keys must belong to: a test key must not open production. */
  readonly environmentId?: string | undefined
  /** Takes keys of every environment of the workspace, whatever API they were issued for. */
  readonly unsafeAnyEnvironment?: boolean | undefined
  /** The header that carries the key. Default `authorization`, as `Bearer …`; in any other the key stands alone. */
  readonly header?: string | undefined
  /** Takes the key from this query parameter too. Addresses end up in logs and histories, and the key with them. */
  readonly unsafeQueryParameter?: string | undefined
  /** What the service calls itself in `WWW-Authenticate`. Default `api`. */
  readonly realm?: string | undefined
  /** How long a request may wait for Claviger, in milliseconds. Default 1,000. */
  readonly timeoutMs?: number | undefined
  /** How many verifications are under way at a time. Default 128. */
  readonly concurrencyMax?: number | undefined
  /** How many more may wait for their turn; beyond, requests are answered 503. Default 1,024. */
  readonly waitingMax?: number | undefined
  /** Hears why keys cannot be verified. Default: a line on the console, at most one every ten seconds. */
  readonly onFailure?: ((error: unknown) => void) | undefined
}

/** What is asked of a key. */
export interface VerificationDemand {
  readonly permissions: Permissions | null
  /** The client's address, as you know it. Without it, keys that are bound to addresses are refused. */
  readonly clientIp?: string | null | undefined
  /** The request's `Origin`. */
  readonly origin?: string | null | undefined
}

export type Verification =
  | { readonly valid: true; readonly key: VerifiedKey }
  | { readonly valid: false; readonly refusal: Refusal }

/** Where a request carries things, in terms that every framework can give. */
export interface Presentation {
  /** Every value of a header, in order. @param name lower-case */
  readonly header: (name: string) => readonly string[]
  /** Every value of a query parameter. */
  readonly query: (name: string) => readonly string[]
}

export interface Protector {
  /** Verifies a key. It never rejects: when Claviger cannot be asked, the refusal says so (503). */
  verify(key: string, demand: VerificationDemand): Promise<Verification>
  /** The key that a request presents, or why there is none. It is not verified yet. */
  presented(presentation: Presentation): { readonly key: string } | { readonly refusal: Refusal }
}

const headerShape = /^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/
const verifySpec = operations.find(({ id }) => id === 'keys.verify')!
const verificationBytesMax = 64 * 1024

/** @throws TypeError when an option will not do */
export function createProtector(options: ProtectorOptions): Protector {
  const { environmentId, timeoutMs = 1_000, concurrencyMax = 128, waitingMax = 1_024 } = options
  const fail = listenerOf(options.onFailure ?? createReporter())
  if ((environmentId === undefined) === (options.unsafeAnyEnvironment !== true)) {
    throw new TypeError('Say which environment keys must belong to: `environmentId`, or else `unsafeAnyEnvironment: true`.')
  }
  if (!Number.isInteger(concurrencyMax) || concurrencyMax < 1) throw new TypeError('concurrencyMax is a whole number above 0.')
  if (!Number.isInteger(waitingMax) || waitingMax < 0) throw new TypeError('waitingMax is a whole number from 0 on.')
  const transport: Transport = createTransport({ ...options, timeoutMs }, verificationBytesMax)
  const gate = new Gate(concurrencyMax, waitingMax)
  const header = options.header?.toLowerCase() ?? 'authorization'
  if (!headerShape.test(header)) throw new TypeError('header is the name of one.')
  const challenge: Challenge = { scheme: header === 'authorization' ? 'Bearer' : 'ApiKey', realm: requireRealm(options.realm ?? 'api') }
  const refuse = (code: Refusal['code'], scope?: readonly string[], retryAfterS?: number | null): Verification =>
    ({ valid: false, refusal: refusalOf(code, challenge, scope, retryAfterS) })

  async function ask(key: string, demands: Demands, demand: VerificationDemand, patienceMs: number): Promise<unknown> {
    const clientIp = addressOf(demand.clientIp)
    const origin = originOf(demand.origin === null || demand.origin === undefined ? [] : [demand.origin])
    // A key that no permission would be enough for is verified all the same: it may not be one at all.
    return transport(verifySpec as OperationSpec, {
      key, environmentId, clientIp, origin, permissions: demands === null || scopeOf(demands).length === 0 ? undefined : demands,
    }, { timeoutMs: patienceMs })
  }

  async function verify(key: string, demand: VerificationDemand): Promise<Verification> {
    if (!hasCredentialShape(key)) return refuse('malformed')
    const demands = demandsOf(demand.permissions)
    const startedMs = performance.now()
    if (!(await gate.enter(timeoutMs))) {
      fail(new ClavigerUnavailable(verifySpec.id, 'timeout', 'more verifications wait than may.'))
      return refuse('unavailable')
    }
    try {
      const remainingMs = Math.max(1, timeoutMs - (performance.now() - startedMs))
      return outcomeOf(await ask(key, demands, demand, remainingMs), demands, (permissions) => verify(key, { ...demand, permissions }))
    } catch (error) {
      fail(error)
      const isPatient = error instanceof ClavigerProblem || error instanceof ClavigerUnavailable
      return refuse('unavailable', [], isPatient ? error.retryAfterS : null)
    } finally {
      gate.leave()
    }
  }

  /** @throws ClavigerUnavailable for an answer that does not say clearly what it says */
  function outcomeOf(output: unknown, demands: Demands, again: (permissions: Permissions) => Promise<Verification>): Verification {
    const { valid, code } = output as { readonly valid?: unknown; readonly code?: unknown }
    if (valid === false && typeof code === 'string' && codeShape.test(code) && code !== 'valid') {
      return refuse(code, code === 'permission-denied' ? scopeOf(demands) : [])
    }
    const key = valid === true && code === 'valid' ? VerifiedKey.from(output, again) : null
    if (key === null || (environmentId !== undefined && key.environmentId !== environmentId)) {
      throw new ClavigerUnavailable(verifySpec.id, 'unexpected-answer', 'the verification is not one.')
    }
    return demands === null ? refuse('permission-denied') : { valid: true, key }
  }

  return {
    verify,
    presented: (presentation) => {
      const found = presentedKey(presentation, header, options.unsafeQueryParameter)
      return typeof found === 'string' ? { refusal: refusalOf(found as Refusal['code'], challenge) } : found
    },
  }
}

/** A listener that fails changes nothing for the request that is being answered. */
function listenerOf(listener: (error: unknown) => void): (error: unknown) => void {
  return (error) => {
    try {
      listener(error)
    } catch {
      // Theirs to find out.
    }
  }
}

const codeShape = /^[a-z][a-z-]{0,62}$/
const scheme = 'bearer '

/** The key, or the code of the refusal. Sent twice, it is refused: others on the way may have looked at another one. */
function presentedKey({ header, query }: Presentation, name: string, parameter: string | undefined): { readonly key: string } | 'missing-key' | 'malformed' {
  const inHeader = header(name)
  const found = parameter === undefined ? inHeader : [...inHeader, ...query(parameter)]
  const [text] = found
  if (text === undefined) return 'missing-key'
  if (found.length > 1) return 'malformed'
  if (name !== 'authorization' || inHeader.length === 0) return hasCredentialShape(text) ? { key: text } : 'malformed'
  // Another scheme may be for somebody else, so it is said which one would count here.
  if (text.slice(0, scheme.length).toLowerCase() !== scheme) return 'missing-key'
  const key = text.slice(scheme.length)
  return hasCredentialShape(key) ? { key } : 'malformed'
}
