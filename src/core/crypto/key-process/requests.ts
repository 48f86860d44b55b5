import type { Fault } from '#core/base/fault'
import { cryptoFaults } from '../faults.ts'
import { encodeRequest } from './protocol.ts'
import type { KeyCommand, Response } from './protocol.ts'
import { ProtocolViolation } from './wire.ts'

const unavailable = cryptoFaults['key-process-unavailable']
/** How long a request waits for its answer, restarts included. */
const requestMaxMs = 3_000
/** How many requests may wait at once. */
const requestsMax = 4_096

interface Request {
  readonly frame: Buffer
  readonly deadlineMs: number
  readonly resolve: (answer: Buffer) => void
  readonly reject: (fault: Fault) => void
}

/** The requests under way, oldest first. They outlive the child that they were sent to: each is safe to repeat (C9). */
export class Requests {
  readonly #waiting = new Map<number, Request>()
  readonly #onExpired: () => void
  #timer: NodeJS.Timeout | undefined
  #lastId = 0

  /** @param onExpired called when requests were given up, because their answers did not come in time */
  constructor(onExpired: () => void) {
    this.#onExpired = onExpired
  }

  /**
   * Puts a request among the waiting.
   *
   * @returns the frame to send, and the answer to come
   * @throws Fault `crypto/key-process-unavailable` when too many wait already
   */
  add(command: KeyCommand): { readonly frame: Buffer; readonly answer: Promise<Buffer> } {
    if (this.#waiting.size >= requestsMax) {
      throw unavailable('Too many requests wait for the key process.', { retryAfterS: 1 })
    }
    const id = ++this.#lastId
    const frame = encodeRequest(id, command)
    const { promise: answer, resolve, reject } = Promise.withResolvers<Buffer>()
    this.#waiting.set(id, { frame, deadlineMs: performance.now() + requestMaxMs, resolve, reject })
    this.#arm()
    return { frame, answer }
  }

  /** What a new child has to be asked again. */
  frames(): Buffer[] {
    return Array.from(this.#waiting.values(), (request) => request.frame)
  }

  /** @throws ProtocolViolation when nobody waits for this */
  settle(response: Response): void {
    const request = this.#waiting.get(response.id)
    if (request === undefined) throw new ProtocolViolation('an answer to nothing that was asked')
    this.#waiting.delete(response.id)
    if ('answer' in response) request.resolve(response.answer)
    else request.reject(cryptoFaults[response.refusal](response.detail))
  }

  rejectAll(fault: Fault): void {
    clearTimeout(this.#timer)
    for (const request of this.#waiting.values()) request.reject(fault)
    this.#waiting.clear()
  }

  // All wait equally long, so the oldest expires first, and one timer serves them all. When this process itself was
  // stalled, answers stand unread in the socket: they are read before setImmediate.
  #arm(): void {
    const oldest = this.#waiting.values().next().value
    if (oldest === undefined || this.#timer !== undefined) return
    const waitMs = Math.max(1, oldest.deadlineMs - performance.now())
    this.#timer = setTimeout(() => setImmediate(() => this.#expire()), waitMs)
  }

  #expire(): void {
    this.#timer = undefined
    const nowMs = performance.now()
    const expired = [...this.#waiting].filter(([, request]) => request.deadlineMs <= nowMs)
    for (const [id, request] of expired) {
      this.#waiting.delete(id)
      request.reject(unavailable('The key process did not answer in time.', { retryAfterS: 1 }))
    }
    this.#arm()
    if (expired.length > 0) this.#onExpired()
  }
}
