import { connect } from 'node:net'

export interface RawAnswer {
  readonly status: number
  /** Lower-case names; of several of a name, joined by a line break. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly json: Readonly<Record<string, unknown>>
}

/** Sends the bytes of one request as they are written, which HTTP clients refuse to do, and reads the answer to its end. */
export function exchange(port: number, lines: readonly string[], body = ''): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    // What was answered before a connection is reset still counts.
    socket.on('error', (error) => (chunks.length === 0 ? reject(error) : resolve(parse(Buffer.concat(chunks).toString('latin1')))))
    socket.on('close', () => resolve(parse(Buffer.concat(chunks).toString('latin1'))))
    socket.write(Buffer.from(`${[...lines, 'Host: localhost', 'Connection: close'].join('\r\n')}\r\n\r\n${body}`, 'latin1'))
  })
}

function parse(text: string): RawAnswer {
  const split = text.indexOf('\r\n\r\n')
  const [statusLine = '', ...headerLines] = text.slice(0, split).split('\r\n')
  const headers: Record<string, string> = {}
  for (const line of headerLines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    headers[name] = headers[name] === undefined ? value : `${headers[name]}\n${value}`
  }
  const raw = text.slice(split + 4)
  const body = headers['transfer-encoding'] === 'chunked' ? unchunked(raw) : raw
  return { status: Number(statusLine.split(' ')[1] ?? 0), headers, body, json: headers['content-type']?.includes('json') === true ? (JSON.parse(body) as Record<string, unknown>) : {} }
}

function unchunked(text: string): string {
  let [rest, body] = [text, '']
  for (;;) {
    const end = rest.indexOf('\r\n')
    const length = Number.parseInt(rest.slice(0, end), 16)
    if (!(length > 0)) return body
    body += rest.slice(end + 2, end + 2 + length)
    rest = rest.slice(end + 4 + length)
  }
}

/** A GET with a key, as a client sends it. */
export const get = (port: number, path: string, key?: string, headers: readonly string[] = []): Promise<RawAnswer> =>
  exchange(port, [`GET ${path} HTTP/1.1`, ...(key === undefined ? [] : [`Authorization: Bearer ${key}`]), ...headers])
