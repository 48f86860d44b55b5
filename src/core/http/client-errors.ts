/**
 * What is answered to bytes that are no request: the parser gives up before there is anything to answer with, so the
 * response is written by hand.
 *
 * @module
 */
import { STATUS_CODES, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { toProblem, type Fault } from '#core/base/fault'
import { httpFaults } from './faults.ts'
import { atEndOfTurn } from './turn.ts'

/** By Node's error codes; everything else is a request that does not parse. */
const faultByCode: ReadonlyMap<string, () => Fault> = new Map<string, () => Fault>([
  ['HPE_HEADER_OVERFLOW', () => httpFaults['header-too-large']('The request line and headers together are too long.')],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', () => httpFaults['body-too-large']('The chunk extensions are too long.')],
  ['ERR_HTTP_REQUEST_TIMEOUT', () => httpFaults['request-timeout']('The request did not arrive in time.')],
])

/** Node keeps the response that is being written to a socket here; its own handler of such errors looks there too. */
type ServingSocket = Socket & { readonly _httpMessage?: ServerResponse | null }

/**
 * Answers with a problem and ends the connection; only ends it where the client would take the problem for the answer to
 * an earlier request, or find it inside another answer.
 */
export function answerClientError(error: Error & { readonly code?: string }, socket: ServingSocket, requestId: string): void {
  const answering = socket._httpMessage
  const belongsToAnother = answering?.headersSent === true || answering?.req.complete === true
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  if (belongsToAnother) {
    // Behind the answers that are ready, and leave when this turn ends.
    atEndOfTurn(() => socket.destroy())
    return
  }
  refuse(socket, faultByCode.get(error.code ?? '')?.() ?? httpFaults['bad-request']('The bytes sent are not an HTTP/1.1 request.'), requestId)
}

export const refuseConnect = (socket: Socket, requestId: string): void =>
  refuse(socket, httpFaults['bad-request']('This is no proxy.'), requestId)

function refuse(socket: Socket, fault: Fault, requestId: string): void {
  const body = JSON.stringify(toProblem(fault, requestId))
  const head = [
    `HTTP/1.1 ${fault.status} ${STATUS_CODES[fault.status] ?? ''}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    `Claviger-Request-Id: ${requestId}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}
