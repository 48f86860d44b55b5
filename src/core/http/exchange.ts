import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Fault, toProblem } from '#core/base/fault'
import type { RequestMeter } from '#core/telemetry/metrics'
import type { ServerContext } from './context.ts'
import { httpFaults } from './faults.ts'
import type { Client } from './ports.ts'
import { atEndOfTurn } from './turn.ts'

/** What an exchange is counted and logged as. */
export interface Label {
  readonly name: string
  readonly logLevel: 'info' | 'debug'
  readonly meter: RequestMeter
}

/** nginx's word for a client that left before it was answered; it never goes over the wire. */
const clientClosedRequest = 499
/** Requests that wait behind others on one connection, so that a single client cannot take all the places there are. */
const queuedMax = 16
/** Places beyond `inFlightMax` that are kept for operations that take away. */
const placesKept = 64
const queuedOn = new WeakMap<Socket, number>()

/**
 * One request and its answer: identity, accounting, and the only place where answers are written.
 *
 * Invariant H8: every request gets one answer, and is counted once, when its response is closed.
 *
 * It takes one of `inFlightMax` places once it is there whole: whoever sends slowly holds a connection, and nobody up.
 * It holds the place until its answer is written; what a client that left had begun holds it until that is done, so that
 * coming and going quickly buys nobody more than his share. An answer that nobody takes holds no place, and is dropped
 * with its connection after a while.
 *
 * Invariant H11: what takes away is done when nothing else is taken on any more: there are places, and room for bodies,
 * that only those who may take away can fill.
 */
export class Exchange implements Client {
  readonly requestId: string
  readonly context: ServerContext
  readonly request: IncomingMessage
  /** Who was found to be acting, for the log. */
  principalId = ''
  private readonly response: ServerResponse
  private readonly label: Label
  private readonly startedMs = performance.now()
  private code = ''
  private holdsPlace = false
  private isPerforming = false
  private isQueuedTooDeep = false
  private delivery: NodeJS.Timeout | undefined

  constructor(context: ServerContext, label: Label, request: IncomingMessage, response: ServerResponse) {
    this.context = context
    this.label = label
    this.request = request
    this.response = response
    this.requestId = context.newRequestId()
    context.open++
    // Node gives a response its socket when those before it are through.
    if (response.socket === null) this.queueUp()
    response.on('close', () => this.closed())
  }

  get clientIp(): string {
    return this.context.clientAddressOf(this.request)
  }

  /** Cut to a length that fits an audit entry; Node has refused control characters already. */
  get userAgent(): string {
    return this.request.headers['user-agent']?.slice(0, 256) ?? ''
  }

  /** Why this request is not even looked at, or null. `takesAway`: it is for an operation that does. */
  refusalAtTheDoor(takesAway = false): Fault | null {
    const { context } = this
    if (context.isDraining) return httpFaults['shutting-down']('This server is stopping. Another one, or the same a moment later, will answer.', { retryAfterS: 1 })
    if (this.isQueuedTooDeep || !this.hasRoom(takesAway)) return overloaded()
    const tooLong = this.refusalByLength()
    if (tooLong !== null) return tooLong
    // Node would refuse it with an empty answer (RFC 9112 §3.2).
    const { host } = this.request.headers
    if (host === undefined && this.request.httpVersionMinor > 0) return httpFaults['bad-request']('Send a `Host` header.')
    // Several come joined. Whoever is in front of this server may have looked at another one of them.
    if (host?.includes(',') === true) return httpFaults['bad-request']('Send one `Host` header.')
    if (this.hasDoubtfulEnd()) return httpFaults['bad-request']('Send a body over HTTP/1.1, with a `Content-Length` or as `Transfer-Encoding: chunked` and nothing else.')
    return null
  }

  /** Why its address is not read, or null. */
  refusalByLength(): Fault | null {
    const { uriMax } = this.context.limits
    return (this.request.url?.length ?? 0) > uriMax ? httpFaults['uri-too-long'](`Path and query together may have ${uriMax} characters.`) : null
  }

  /** For a request that is there whole, body and all. Why it has to go, or null: it has its place. */
  takePlace(takesAway = false): Fault | null {
    if (this.holdsPlace) return null
    if (!this.hasRoom(takesAway)) return overloaded()
    this.holdsPlace = true
    this.context.inFlight++
    return null
  }

  /** From here on the operation runs to its end, whether the client waits for it or not. */
  performing(): void {
    this.isPerforming = true
  }

  /** Tells a client that asked (`Expect: 100-continue`) to send its body. */
  inviteBody(): void {
    if (this.request.headers.expect !== undefined) this.response.writeContinue()
  }

  /** @param headers names and values in turn, beyond those that every answer has */
  send(status: number, contentType: string, body: string | Uint8Array, headers: readonly string[] = []): void {
    const { response, context } = this
    this.leavePlace()
    // The client has left; there is nobody to answer.
    if (response.destroyed) return
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length
    const all = ['content-type', contentType, 'content-length', String(length), 'cache-control', 'no-store', 'claviger-request-id', this.requestId, ...headers]
    if (context.isDraining || this.hasEndlessRest() || this.hasDoubtfulEnd()) all.push('connection', 'close')
    if (context.strictTransport) all.push('strict-transport-security', 'max-age=31536000')
    response.writeHead(status, all)
    atEndOfTurn(() => this.deliver(body))
  }

  sendJson(status: number, value: unknown, headers?: readonly string[]): void {
    this.send(status, 'application/json', JSON.stringify(value), headers)
  }

  /** Answers an error: a fault as the problem that it is (RFC 9457), anything else as an opaque 500. */
  refuse(error: unknown, headers: readonly string[] = []): void {
    const problem = toProblem(error, this.requestId)
    this.code = problem.code
    if (problem.status >= 500) this.context.failures.report(error, { operation: this.label.name, request: this.requestId, code: this.code }, performance.now())
    const retryAfterS = error instanceof Fault ? error.retryAfterS : undefined
    const all = retryAfterS === undefined ? headers : [...headers, 'retry-after', String(retryAfterS)]
    this.send(problem.status, 'application/problem+json', JSON.stringify(problem), all)
  }

  /**
   * Answers of one turn leave together: to wake whoever waits at the other end of a socket costs more than the writing,
   * and between one answer and the next he would fall asleep again (27 % fewer requests a second over loopback).
   */
  private deliver(body: string | Uint8Array): void {
    const { response, context, request: { socket } } = this
    if (response.destroyed || (response.socket !== null && socket.destroyed)) return
    response.end(body)
    // Mostly the kernel has taken all of it by now; a timer for every answer would cost as much as verifying a key.
    if (response.socket === null || socket.writableLength > 0) this.delivery = setTimeout(() => socket.destroy(), context.limits.deliveryTimeoutMs).unref()
  }

  private hasRoom(takesAway: boolean): boolean {
    const { inFlight, limits } = this.context
    return inFlight < limits.inFlightMax + (takesAway ? placesKept : 0)
  }

  private queueUp(): void {
    const { socket } = this.request
    const queued = (queuedOn.get(socket) ?? 0) + 1
    queuedOn.set(socket, queued)
    this.isQueuedTooDeep = queued > queuedMax
    this.response.on('close', () => queuedOn.set(socket, (queuedOn.get(socket) ?? 1) - 1))
  }

  private leavePlace(): void {
    if (!this.holdsPlace) return
    this.holdsPlace = false
    this.context.inFlight--
  }

  /**
   * Whether somebody in front of this server may see another end of the message than Node, which takes off `chunked`,
   * leaves other encodings on, and does so for versions that have none (RFC 9112 §6.1, §6.3).
   */
  private hasDoubtfulEnd(): boolean {
    const { headers, httpVersionMajor, httpVersionMinor } = this.request
    if (httpVersionMajor !== 1) return true
    const encoding = headers['transfer-encoding']
    return encoding !== undefined && (httpVersionMinor === 0 || encoding.toLowerCase() !== 'chunked')
  }

  /**
   * A body that was not read and may go on for long, or, since it was not asked for, may never come: cheaper to end the
   * connection than to wait for it.
   */
  private hasEndlessRest(): boolean {
    const { complete, headers } = this.request
    if (complete) return false
    return headers['transfer-encoding'] !== undefined || headers.expect !== undefined ||
      Number(headers['content-length'] ?? 0) > this.context.limits.bodyMax
  }

  private closed(): void {
    const { response, label, context } = this
    if (!this.isPerforming) this.leavePlace()
    clearTimeout(this.delivery)
    if (--context.open === 0 && context.isDraining) context.whenQuiet()
    const status = response.writableEnded ? response.statusCode : clientClosedRequest
    const durationMs = performance.now() - this.startedMs
    label.meter.record(status, durationMs)
    if (!context.logger.isLevelEnabled(label.logLevel)) return
    const fields = {
      operation: label.name, status, ms: Math.round(durationMs * 1000) / 1000, request: this.requestId,
      ...(this.principalId === '' ? {} : { principal: this.principalId }), ...(this.code === '' ? {} : { code: this.code }),
    }
    context.logger[label.logLevel](fields, 'request')
  }
}

export const overloaded = (): Fault =>
  httpFaults.overloaded('More requests are under way than this server takes on. Try again in a second.', { retryAfterS: 1 })
