import type { IncomingMessage } from 'node:http'
import type { Fault } from '#core/base/fault'
import { overloaded, type Exchange } from './exchange.ts'
import { httpFaults } from './faults.ts'

/** JSON is UTF-8 (RFC 8259 §8.1), so the one parameter that may stand there says what is so anyway. */
const jsonContentType = /^application\/json[ \t]*(?:;[ \t]*charset=(?:utf-8|"utf-8")[ \t]*)?$/i

/**
 * Reads a JSON body of at most `bodyMax` bytes.
 *
 * Bodies that are still coming hold as many bytes as `inFlightMax` of them may have, all together. Those of operations
 * that take away are not counted: only who may take away can send them, so nobody else can use up their room (H11).
 *
 * @param done called once with the bytes or the fault; never when the client leaves before the end
 */
export function readBody(exchange: Exchange, takesAway: boolean, done: (body: Uint8Array | Fault) => void): void {
  const { request, context } = exchange
  const { bodyMax, inFlightMax } = context.limits
  const refusal = refusalOf(request, bodyMax)
  if (refusal !== null) return done(refusal)
  exchange.inviteBody()
  const chunks: Buffer[] = []
  let length = 0
  let isOver = false
  /** Listeners go with the request: to take them off one by one would cost as much as hashing a key. The bytes go at once. */
  const end = (body: Uint8Array | Fault | null): void => {
    if (isOver) return
    isOver = true
    chunks.length = 0
    if (!takesAway) context.arriving -= length
    if (body !== null) done(body)
  }
  request.on('data', (chunk: Buffer) => {
    if (isOver) return
    length += chunk.length
    if (!takesAway) context.arriving += chunk.length
    if (length > bodyMax) return end(tooLarge(bodyMax))
    if (context.arriving > inFlightMax * bodyMax && !takesAway) return end(overloaded())
    chunks.push(chunk)
  })
  request.on('end', () => end(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length)))
  request.on('close', () => end(null))
}

function refusalOf({ headers }: IncomingMessage, bodyMax: number): Fault | null {
  const contentType = headers['content-type']
  if (contentType !== 'application/json' && !jsonContentType.test(contentType ?? '')) {
    return httpFaults['unsupported-media-type']('Send the body as `Content-Type: application/json`, in UTF-8.')
  }
  if (headers['content-encoding'] !== undefined) return httpFaults['unsupported-media-type']('Send the body as it is, without `Content-Encoding`.')
  return Number(headers['content-length'] ?? 0) > bodyMax ? tooLarge(bodyMax) : null
}

const tooLarge = (bodyMax: number): Fault => httpFaults['body-too-large'](`A body may have ${bodyMax} bytes.`)
