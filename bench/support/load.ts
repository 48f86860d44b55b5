/**
 * Load over HTTP/1.1 from a process of its own: prebuilt requests over keep-alive sockets, one under way on each.
 *
 * Run as a program it reads a `LoadOrder` from its first argument and prints a `LoadResult`; `load` runs it so. Written on
 * `node:net`, because a full HTTP client would cost as much as the server that is measured beside it on two cores.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { promisify } from 'node:util'

export interface LoadOrder {
  readonly port: number
  readonly path: string
  readonly credential: string
  readonly connections: number
  readonly durationMs: number
  /** Not counted; before the rest. */
  readonly warmUpMs: number
  /** A file of bodies, one a line, sent in turn for as long as it takes. */
  readonly bodiesFile: string
  /** The status that every answer must have. */
  readonly status: number
  /** Text that every answer must hold. */
  readonly mustHold: string
}

export interface LoadResult {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly requests: number
}

/** Runs one load in a process of its own. */
export async function load(order: LoadOrder): Promise<LoadResult> {
  const { stdout } = await promisify(execFile)(process.execPath, [import.meta.filename, JSON.stringify(order)], { maxBuffer: 1 << 20 })
  return JSON.parse(stdout) as LoadResult
}

const headEnd = Buffer.from('\r\n\r\n')

function requestsOf({ path, credential, bodiesFile }: LoadOrder): Buffer[] {
  const bodies = readFileSync(bodiesFile, 'utf8').split('\n').filter((body) => body !== '')
  return bodies.map((body) => Buffer.from(
    `POST ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${credential}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    'latin1',
  ))
}

function run(order: LoadOrder): Promise<LoadResult> {
  const requests = requestsOf(order)
  const status = `HTTP/1.1 ${order.status}`
  const startedMs = performance.now()
  const countFromMs = startedMs + order.warmUpMs
  const endMs = countFromMs + order.durationMs
  const latencies: number[] = []
  let next = 0
  let open = order.connections
  return new Promise((resolve, reject) => {
    for (let index = 0; index < order.connections; index++) {
      const socket = connect(order.port, '127.0.0.1')
      socket.setNoDelay(true)
      socket.on('connect', () => drive(socket))
      socket.on('error', reject)
    }

    function drive(socket: Socket): void {
      let pending: Buffer | null = null
      let sentMs = 0
      const send = (): void => {
        sentMs = performance.now()
        socket.write(requests[next++ % requests.length]!)
      }
      socket.on('data', (chunk: Buffer) => {
        const data: Buffer = pending === null ? chunk : Buffer.concat([pending, chunk])
        const length = answerLength(data)
        if (length === -1 || data.length < length) return void (pending = data)
        pending = null
        const text = data.latin1Slice(0, length)
        if (!text.startsWith(status) || !text.includes(order.mustHold)) return reject(new Error(`unexpected answer: ${text}`))
        const nowMs = performance.now()
        if (nowMs >= countFromMs && nowMs < endMs) latencies.push(nowMs - sentMs)
        if (nowMs < endMs) return send()
        socket.destroy()
        if (--open === 0) resolve(resultOf(latencies, order.durationMs))
      })
      send()
    }
  })
}

/** How long the first answer in `data` is, or -1 while that is not known. */
function answerLength(data: Buffer): number {
  const end = data.indexOf(headEnd)
  if (end === -1) return -1
  const head = data.latin1Slice(0, end)
  const at = head.search(/content-length: /i)
  return end + 4 + Number.parseInt(head.slice(at + 16), 10)
}

function resultOf(latencies: number[], durationMs: number): LoadResult {
  latencies.sort((a, b) => a - b)
  const at = (share: number): number => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
  return { perSecond: (latencies.length / durationMs) * 1000, p50Ms: at(0.5), p99Ms: at(0.99), requests: latencies.length }
}

if (process.argv[1] === import.meta.filename) {
  const result = await run(JSON.parse(process.argv[2] ?? '{}') as LoadOrder)
  process.stdout.write(JSON.stringify(result))
}
