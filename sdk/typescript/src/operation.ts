/** What the generated table says of an operation, and what a caller may say of a call. */

/** How one operation is called. */
export interface OperationSpec {
  readonly id: string
  /** Where its method stands in the client: `claviger[noun][name]`. */
  readonly noun: string
  readonly name: string
  readonly method: string
  /** With its parameters in braces; a last one written `{path*}` takes slashes too. */
  readonly path: string
  /** Names of the input's fields, by where they go. No name stands in two of them. */
  readonly params: readonly string[]
  readonly query: readonly string[]
  /** Null when it takes no body. */
  readonly body: readonly string[] | null
  /** Has an effect, and so takes an idempotency key. */
  readonly write: boolean
  readonly ifMatch: boolean
  /** Of its answer when it succeeds. */
  readonly status: number
  readonly answer: 'json' | 'text' | 'bytes'
  readonly contentType: string
  /** Fields of its answer that are shown once, and not again when the request is repeated. */
  readonly secrets: readonly string[]
  /** The method that goes through all pages, or null when it is no list. */
  readonly listAll: string | null
}

/** What came with an answer beside its output. */
export interface AnswerInfo {
  /** Names the request in the server's log. */
  readonly requestId: string | null
  /** Of a write: the entry of the audit log that it left. `audit.getReceipt` proves it. */
  readonly auditEntryId: string | null
  /** The request had had its effect before; this is the answer of that time. */
  readonly replayed: boolean
}

export interface CallOptions {
  /** Gives the call up; it then rejects with the signal's reason. A write may have had its effect all the same. */
  readonly signal?: AbortSignal | undefined
  /** For the whole call, retries and pauses included, in milliseconds. */
  readonly timeoutMs?: number | undefined
  /** Hears what came beside the output, before the call resolves. */
  readonly onAnswer?: ((info: AnswerInfo) => void) | undefined
}

export interface WriteOptions extends CallOptions {
  /**
   * Names the request: sent again within 24 hours it has no second effect. Default: a random one a call, so that
   * retries are safe. Pass your own to be safe across restarts of your program too. 1 to 128 visible ASCII characters.
   */
  readonly idempotencyKey?: string | undefined
}

/** All options there are; which of them an operation takes, its method says. */
export interface AnyCallOptions extends WriteOptions {
  /** Change it only if it is still at this version; otherwise it is refused with `http/precondition-failed`. */
  readonly ifMatch?: number | undefined
}
