import type { OperationTypes } from './generated.ts'

/** One input that was refused: where (RFC 6901 JSON pointer, or `query.limit`, `header.if-match`), and what to do. */
export interface InputError {
  readonly pointer: string
  readonly detail: string
}

/** What a problem says (RFC 9457). */
export interface ProblemFields<Code extends string = string> {
  readonly code: Code
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly errors: readonly InputError[]
  readonly requestId: string | null
  readonly retryAfterS: number | null
}

/**
 * Claviger refused the request, and says why. Compare `code`, never the texts.
 *
 * `isProblemOf(error, 'keys.create')` narrows `code` to what that operation may answer. A server that is newer than
 * this package may answer codes which it does not list.
 */
export class ClavigerProblem<Code extends string = string> extends Error implements ProblemFields<Code> {
  override readonly name = 'ClavigerProblem'
  /** Id of the operation: `keys.create`. */
  readonly operation: string
  readonly code: Code
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly errors: readonly InputError[]
  /** Names the request in the server's log. */
  readonly requestId: string | null
  /** Seconds after which another try makes sense, when the server said so. */
  readonly retryAfterS: number | null

  constructor(operation: string, fields: ProblemFields<Code>) {
    super(`${operation}: ${fields.code}: ${fields.detail === '' ? fields.title : fields.detail}`)
    this.operation = operation
    this.code = fields.code
    this.status = fields.status
    this.title = fields.title
    this.detail = fields.detail
    this.errors = fields.errors
    this.requestId = fields.requestId
    this.retryAfterS = fields.retryAfterS
  }
}

/** Whether `error` is a problem that this operation answered. */
export function isProblemOf<Id extends keyof OperationTypes>(error: unknown, operation: Id): error is ClavigerProblem<OperationTypes[Id]['problem']> {
  return error instanceof ClavigerProblem && error.operation === operation
}

/**
 * `connection`: no whole answer came. `timeout`: none came in time. `unexpected-answer`: something answered that does
 * not speak as Claviger does, such as a proxy in between.
 */
export type UnavailableReason = 'connection' | 'timeout' | 'unexpected-answer'

/** Nobody knows what became of the request: there is no answer of Claviger's. */
export class ClavigerUnavailable extends Error {
  override readonly name = 'ClavigerUnavailable'
  /** Id of the operation: `keys.create`. */
  readonly operation: string
  readonly reason: UnavailableReason
  /** The HTTP status of an unexpected answer. */
  readonly status: number | null
  readonly retryAfterS: number | null

  constructor(operation: string, reason: UnavailableReason, message: string, options: { cause?: unknown; status?: number; retryAfterS?: number | null } = {}) {
    super(`${operation}: ${message}`, options.cause === undefined ? {} : { cause: options.cause })
    this.operation = operation
    this.reason = reason
    this.status = options.status ?? null
    this.retryAfterS = options.retryAfterS ?? null
  }
}

/**
 * It was done, but the answer that carried the secret was lost on the way, and secrets are shown once. `output` is the
 * answer without it: revoke what it names, and make another.
 */
export class ClavigerSecretLost extends Error {
  override readonly name = 'ClavigerSecretLost'
  /** Id of the operation: `keys.create`. */
  readonly operation: string
  readonly output: Readonly<Record<string, unknown>>

  constructor(operation: string, output: Readonly<Record<string, unknown>>) {
    super(`${operation}: it was done, but the answer with its secret was lost. Revoke what \`output\` names, and make another.`)
    this.operation = operation
    this.output = output
  }
}
