/**
 * Sends requests and reads answers, again where that is safe.
 *
 * Safe: reads, and writes because each carries an idempotency key. Again: when no whole answer came, and when the server
 * asked for patience (429 with `Retry-After`, 502, 503, 504). Never after the deadline, and never more often than said.
 *
 * @module
 */
import { readAnswer, type Answer } from './answer.ts'
import { baseAddressOf, credentialOf, requireCredential, type ConnectionOptions } from './connection.ts'
import { Deadline } from './deadline.ts'
import { ClavigerProblem, ClavigerUnavailable } from './errors.ts'
import { version } from './generated.ts'
import type { AnyCallOptions, OperationSpec } from './operation.ts'
import { requestOf, type Input, type RequestParts } from './request.ts'

export interface TransportOptions extends ConnectionOptions {
  /** For a whole call, retries and pauses included. Default 10,000. */
  readonly timeoutMs?: number | undefined
  /** How often a request is sent again. Default 2; 0 for never. */
  readonly retriesMax?: number | undefined
}

/** Performs an operation. @throws ClavigerProblem, ClavigerUnavailable, ClavigerSecretLost, TypeError, the signal's reason */
export type Transport = (spec: OperationSpec, input: Input, options: AnyCallOptions) => Promise<unknown>

const userAgent = `claviger-sdk-typescript/${version}`
const timeoutDefaultMs = 10_000
const retriesMaxDefault = 2
const retriesMaxMax = 10
/** A bundle of 256 entries of 64 KiB is the longest that Claviger answers. */
export const answerBytesMax = 32 * 1024 * 1024

/** @param bytesMax of an answer */
export function createTransport(options: TransportOptions, bytesMax = answerBytesMax): Transport {
  const base = baseAddressOf(options)
  // Told now rather than with the first request.
  if (typeof options.credential !== 'function') requireCredential(options.credential)
  const { timeoutMs = timeoutDefaultMs, retriesMax = retriesMaxDefault } = options
  if (!Number.isInteger(retriesMax) || retriesMax < 0 || retriesMax > retriesMaxMax) throw new TypeError(`retriesMax is a number from 0 to ${retriesMaxMax}.`)

  async function send(spec: OperationSpec, request: RequestParts, signal: AbortSignal): Promise<Answer> {
    const authorization = `Bearer ${await credentialOf(options)}`
    // Called so that it has no `this`: a browser's fetch insists.
    const { fetch = globalThis.fetch } = options
    const sent = fetch(`${base}${request.target}`, {
      method: request.method,
      headers: { ...request.headers, authorization, 'user-agent': userAgent },
      ...(request.body === null ? {} : { body: request.body }),
      // Claviger redirects nobody, and neither a credential nor a presented key goes where an answer says.
      redirect: 'manual',
      signal,
    })
    const response = await sent.catch((cause: unknown) => {
      throw new ClavigerUnavailable(spec.id, 'connection', 'Claviger cannot be reached, or the connection broke.', { cause })
    })
    return readAnswer(spec, response, bytesMax)
  }

  async function answerTo(spec: OperationSpec, request: RequestParts, deadline: Deadline): Promise<Answer> {
    for (let retry = 0; ; retry++) {
      try {
        return await deadline.within(send(spec, request, deadline.signal))
      } catch (error) {
        deadline.throwIfGivenUp()
        if (deadline.isOver) throw new ClavigerUnavailable(spec.id, 'timeout', 'there was no answer in time.')
        const pauseMs = retry < retriesMax ? pauseBefore(error, retry) : null
        if (pauseMs === null || pauseMs >= deadline.remainingMs) throw error
        await deadline.pause(pauseMs)
        deadline.throwIfGivenUp()
      }
    }
  }

  return async (spec, input, callOptions) => {
    const request = requestOf(spec, input, callOptions)
    const deadline = new Deadline(callOptions.timeoutMs ?? timeoutMs, callOptions.signal)
    try {
      const { output, info } = await answerTo(spec, request, deadline)
      callOptions.onAnswer?.(info)
      return output
    } finally {
      deadline.release()
    }
  }
}

const pauseFirstMs = 100
const pauseMaxMs = 2_000
const gatewayStatuses: ReadonlySet<number | null> = new Set([502, 503, 504])

/** How long to wait before another try, or null when none makes sense. Random, so that many callers do not return in step. */
function pauseBefore(error: unknown, retry: number): number | null {
  const backoffMs = Math.random() * Math.min(pauseFirstMs * 2 ** retry, pauseMaxMs)
  if (error instanceof ClavigerUnavailable) {
    // Mostly a kept-alive connection that the other side had just closed: a new one will do.
    if (error.reason === 'connection') return retry === 0 ? 0 : backoffMs
    return gatewayStatuses.has(error.status) ? patience(error.retryAfterS) + backoffMs : null
  }
  if (!(error instanceof ClavigerProblem)) return null
  if (error.status === 503) return patience(error.retryAfterS) + backoffMs
  return error.status === 429 && error.retryAfterS !== null ? patience(error.retryAfterS) + backoffMs : null
}

const patience = (retryAfterS: number | null): number => (retryAfterS ?? 0) * 1_000
