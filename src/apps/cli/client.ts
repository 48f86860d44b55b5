/**
 * The API over HTTP, as any client sees it.
 *
 * @module
 */
import * as http from 'node:http'
import * as https from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { rootCertificates } from 'node:tls'
import { revealSecret } from '#core/base/secret'
import { CliError, type ExitName } from './exit.ts'
import type { Connection } from './profile/connection.ts'

export interface Request {
  readonly method: string
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  /** Sent as JSON; undefined: no body. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
}

/** RFC 9457 with our members. */
export interface ProblemBody {
  readonly type?: string
  readonly title: string
  readonly status: number
  readonly detail?: string
  readonly code: string
  readonly instance?: string
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[]
}

/** The server's refusal. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly problem: ProblemBody
  constructor(problem: ProblemBody) {
    super(problem.code)
    this.problem = problem
  }
}

/** How long an answer may take, and how much of it is taken. */
const timeoutMs = 30_000
const answerBytesMax = 64 * 1024 * 1024
const retryAfterMaxS = 10
const retryPauseMs = 200
/** The connection went away: what was sent may have been done. */
const lost: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT'])

export class Client {
  readonly connection: Connection
  /** Ends whatever is under way. */
  readonly signal: AbortSignal
  readonly #agent: http.Agent

  constructor(connection: Connection, signal: AbortSignal) {
    this.connection = connection
    this.signal = signal
    const pinned = connection.address === null ? {} : { lookup: alwaysTo(connection.address) }
    const secure = connection.url.protocol === 'https:'
    this.#agent = secure
      ? new https.Agent({ keepAlive: true, ...pinned, ...(connection.ca === null ? {} : { ca: [...rootCertificates, connection.ca] }) })
      : new http.Agent({ keepAlive: true, ...pinned })
  }

  /**
   * Sends a request, and once more when that is safe: the connection was lost, or the server asks for a moment. Writes
   * carry an `Idempotency-Key`, so that the second one has no second effect.
   *
   * @throws ProblemError the server's refusal. @throws CliError unavailable
   */
  async send(request: Request): Promise<Answer> {
    const answer = await this.exchange(request)
    if (answer.status >= 400) throw refusalOf(answer, this.connection.url)
    return answer
  }

  /** The same, with refusals as answers. @throws CliError unavailable */
  async exchange(request: Request): Promise<Answer> {
    const first = await this.#attempt(request)
    const pauseMs = pauseBefore(first)
    const answer = pauseMs === null ? first : await delay(pauseMs, undefined, { signal: this.signal }).then(() => this.#attempt(request))
    if (answer instanceof CliError) throw answer
    return answer
  }

  async json<Value>(request: Request): Promise<Value> {
    const { body } = await this.send(request)
    return parseJson(body) as Value
  }

  close(): void {
    this.#agent.destroy()
  }

  async #attempt(request: Request): Promise<Answer | CliError> {
    try {
      return await this.#roundTrip(request)
    } catch (error) {
      if (error instanceof CliError || this.signal.aborted) throw error
      return unavailable(error, this.connection.url)
    }
  }

  #roundTrip({ method, path, query, body, headers }: Request): Promise<Answer> {
    const url = new URL(path, this.connection.url)
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value)
    const payload = body === undefined ? null : Buffer.from(JSON.stringify(body), 'utf8')
    const options: https.RequestOptions = {
      method, agent: this.#agent, signal: this.signal, timeout: timeoutMs,
      headers: {
        accept: 'application/json, */*',
        authorization: `Bearer ${revealSecret(this.connection.credential)}`,
        'user-agent': 'claviger-cli',
        ...(payload === null ? {} : { 'content-type': 'application/json', 'content-length': payload.length }),
        ...headers,
      },
    }
    return new Promise((resolve, reject) => {
      const send = url.protocol === 'https:' ? https.request : http.request
      const request = send(url, options, (response) => void collect(response).then(resolve, reject))
      request.on('timeout', () => request.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })))
      request.on('error', reject)
      request.end(payload ?? undefined)
    })
  }
}

async function collect(response: http.IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > answerBytesMax) throw new CliError('failed', 'The answer is larger than any that Claviger gives.')
    chunks.push(chunk)
  }
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }
}

/** A name's address that is not looked up. */
const alwaysTo = (address: string): LookupFunction => (_name, { all }, answer) => {
  const family = isIP(address)
  if (all === true) answer(null, [{ address, family }])
  else answer(null, address, family)
}

/** Whether what was sent may have been done all the same. */
export const isLost = ({ cause }: CliError): boolean => typeof cause === 'string' && lost.has(cause)

/** How long to wait before another attempt makes sense, or null when it does not. */
function pauseBefore(outcome: Answer | CliError): number | null {
  if (outcome instanceof CliError) return isLost(outcome) ? retryPauseMs : null
  if (outcome.status !== 503) return null
  const seconds = Number(outcome.headers['retry-after'] ?? NaN)
  return Number.isInteger(seconds) && seconds >= 0 && seconds <= retryAfterMaxS ? seconds * 1000 : null
}

/** What a failed connection means, and what to do about it, by the system's code. */
const troubles: Readonly<Record<string, (url: URL) => readonly [string, ...string[]]>> = {
  ECONNREFUSED: ({ origin }) => [`No server answers at ${origin}.`, 'Start one with `npm start`, or name another with --url.'],
  ENOTFOUND: ({ hostname }) => [`There is no machine named ${hostname}.`, 'Check the spelling of --url.'],
  EAI_AGAIN: ({ hostname }) => [`The name ${hostname} cannot be looked up now.`],
  ECONNRESET: ({ origin }) => [`The connection to ${origin} was lost, twice.`],
  ETIMEDOUT: ({ origin }) => [`${origin} did not answer within ${timeoutMs / 1000} seconds.`],
  DEPTH_ZERO_SELF_SIGNED_CERT: ({ hostname }) => [`The certificate of ${hostname} is self-signed.`, 'If it is yours, trust it with --ca-file FILE.'],
  SELF_SIGNED_CERT_IN_CHAIN: ({ hostname }) => [`The certificate of ${hostname} comes from an authority that this machine does not know.`, 'If it is yours, trust it with --ca-file FILE.'],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ({ hostname }) => [`The certificate of ${hostname} comes from an authority that this machine does not know.`, 'If it is yours, trust it with --ca-file FILE.'],
  CERT_HAS_EXPIRED: ({ hostname }) => [`The certificate of ${hostname} has expired.`],
  ERR_TLS_CERT_ALTNAME_INVALID: ({ hostname }) => [`The certificate is for another name than ${hostname}.`],
}

function unavailable(error: unknown, url: URL): CliError {
  // `localhost` has two addresses; Node then reports both attempts as one error.
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [error]
  const code = String((first as NodeJS.ErrnoException | undefined)?.code ?? '')
  const [message, ...notes] = troubles[code]?.(url) ?? [`${url.origin} cannot be reached (${code || (error instanceof Error ? error.message : 'unknown')}).`]
  const failure = new CliError('unavailable', message, notes)
  failure.cause = code
  return failure
}

function refusalOf(answer: Answer, url: URL): ProblemError | CliError {
  const problem = answer.headers['content-type']?.startsWith('application/problem+json') === true ? parseJson(answer.body) : null
  if (isProblem(problem)) return new ProblemError(problem)
  return new CliError('failed', `${url.origin} answered ${answer.status}, and not as Claviger does.`, ['Is it the right address? Something in between may have answered.'])
}

function isProblem(value: unknown): value is ProblemBody {
  const { title, status, code } = (value ?? {}) as Record<string, unknown>
  return typeof title === 'string' && typeof status === 'number' && typeof code === 'string'
}

/** @throws CliError failed when it is not JSON */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    throw new CliError('failed', 'The answer is not JSON, so it is not Claviger that answered.')
  }
}

const exitsByStatus: Readonly<Record<number, ExitName>> = {
  401: 'denied', 403: 'denied', 404: 'notFound', 409: 'conflict', 412: 'conflict', 429: 'unavailable', 503: 'unavailable', 507: 'unavailable',
}
const usageCodes: ReadonlySet<string> = new Set(['http/invalid-input', 'http/malformed-json', 'http/invalid-cursor'])

export const exitOfProblem = ({ status, code }: ProblemBody): ExitName => (usageCodes.has(code) ? 'usage' : (exitsByStatus[status] ?? 'failed'))
