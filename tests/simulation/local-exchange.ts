/**
 * A request and its answer without a connection: Node's own request and response over a socket that leads nowhere.
 *
 * @module
 */
import { IncomingMessage, ServerResponse, type IncomingHttpHeaders } from 'node:http'
import { Socket } from 'node:net'

export interface LocalRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer | null
}

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly json: Readonly<Record<string, unknown>>
}

class Nowhere extends Socket {
  readonly chunks: Buffer[] = []
  override _write(chunk: Buffer | string, encoding: BufferEncoding, done: () => void): void {
    this.chunks.push(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk)
    done()
  }
  override _writev(chunks: { chunk: Buffer | string; encoding: BufferEncoding }[], done: () => void): void {
    for (const { chunk, encoding } of chunks) this._write(chunk, encoding, () => {})
    done()
  }
}

/** @param answered called with what was sent, once it was sent whole */
export function localExchange({ method, url, headers, body }: LocalRequest, answered: (reply: Reply) => void): { request: IncomingMessage; response: ServerResponse } {
  const socket = new Nowhere()
  const request = new IncomingMessage(socket)
  Object.assign(request, { method, url, httpVersionMajor: 1, httpVersionMinor: 1, complete: true })
  request.headers = {
    host: 'localhost', ...headers,
    ...(body === null ? {} : { 'content-type': 'application/json', 'content-length': String(body.length) }),
  }
  if (body !== null) request.push(body)
  request.push(null)
  const response = new ServerResponse(request)
  response.assignSocket(socket)
  response.on('finish', () => {
    response.emit('close')
    answered(replyOf(Buffer.concat(socket.chunks).toString('utf8')))
  })
  return { request, response }
}

function replyOf(text: string): Reply {
  const end = text.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers = Object.fromEntries(lines.map((line) => {
    const colon = line.indexOf(': ')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)]
  }))
  const body = text.slice(end + 4)
  const isJson = headers['content-type']?.includes('json') === true
  return { status: Number(statusLine.split(' ')[1]), headers, json: isJson ? (JSON.parse(body) as Record<string, unknown>) : { text: body } }
}
