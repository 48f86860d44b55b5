/**
 * Faults: the only errors this program throws on purpose.
 *
 * A fault has two audiences and never mixes them. `detail` is read by the caller, so it may name only what the caller
 * already knows; `context` is read by operators and never leaves the process.
 *
 * @module
 */

/** The HTTP statuses a fault may carry. Also the severity: 5xx is ours, 4xx is the caller's. */
export type FaultStatus = 400 | 401 | 403 | 404 | 405 | 406 | 408 | 409 | 412 | 413 | 414 | 415 | 422 | 428 | 429 | 431 | 500 | 503 | 507

/** One row of a capability's fault catalogue. */
export interface FaultSpec {
  readonly status: FaultStatus
  /** Fixed, one line, no values in it (RFC 9457 §3.1.3 "title"). */
  readonly title: string
}

/** One input that was refused: where (RFC 6901 JSON pointer, or `query.limit`, `header.if-match`) and what to do. */
export interface InputError {
  readonly pointer: string
  readonly detail: string
}

export interface FaultOptions {
  readonly cause?: unknown
  readonly context?: Readonly<Record<string, unknown>>
  readonly errors?: readonly InputError[]
  /** Seconds after which a retry makes sense; becomes `Retry-After`. */
  readonly retryAfterS?: number
}

/** An error with a stable code. Compare `code`, never `message`. */
export class Fault<Code extends string = string> extends Error {
  override readonly name = 'Fault'
  readonly code: Code
  readonly status: FaultStatus
  readonly title: string
  readonly detail: string
  readonly context: Readonly<Record<string, unknown>>
  readonly errors: readonly InputError[]
  readonly retryAfterS: number | undefined

  constructor(code: Code, spec: FaultSpec, detail: string, options: FaultOptions = {}) {
    super(`${code}: ${detail}`, { cause: options.cause })
    this.code = code
    this.status = spec.status
    this.title = spec.title
    this.detail = detail
    this.context = options.context ?? {}
    this.errors = options.errors ?? []
    this.retryAfterS = options.retryAfterS
  }
}

type Raise<Code extends string> = (detail: string, options?: FaultOptions) => Fault<Code>

/** What `defineFaults` returns: one function a fault, and the list of their codes. */
export type Faults<Area extends string, Names extends string> = { readonly [Name in Names]: Raise<`${Area}/${Name}`> } & {
  readonly codes: readonly `${Area}/${Names}`[]
}

/** Every fault of the program by its code; what the error pages, OpenAPI and the laws are checked against. */
export const faultCatalogue = new Map<string, FaultSpec>()

/** Declares the faults of one area. Codes are `area/kebab-name` and are frozen once released. */
export function defineFaults<const Area extends string, const Specs extends Record<string, FaultSpec>>(
  area: Area,
  specs: Specs,
): Faults<Area, keyof Specs & string> {
  const raise = Object.entries(specs).map(([name, spec]) => {
    const code = `${area}/${name}`
    faultCatalogue.set(code, spec)
    return [name, (detail: string, options?: FaultOptions) => new Fault(code, spec, detail, options)]
  })
  const codes = Object.keys(specs).map((name) => `${area}/${name}`)
  // The mapped type above is exactly what these entries build; TypeScript cannot follow Object.fromEntries.
  return Object.freeze({ ...Object.fromEntries(raise), codes }) as never
}

/** An RFC 9457 problem. `type` is a page that the instance itself serves, so it works without internet. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail?: string
  readonly code: string
  readonly instance: string
  readonly errors?: readonly InputError[]
}

/**
 * Invariant B3: a problem has nothing of a fault's context, cause or stack. Anything that is no fault is reported as an
 * opaque 500: its message stays in the log.
 */
export function toProblem(error: unknown, requestId: string): Problem {
  const instance = `urn:claviger:request:${requestId}`
  if (!(error instanceof Fault)) {
    return { type: '/errors/core/internal', title: 'Internal error', status: 500, code: 'core/internal', instance }
  }
  const { code, title, status, detail, errors } = error
  return { type: `/errors/${code}`, title, status, detail, code, instance, ...(errors.length > 0 ? { errors } : {}) }
}
