/**
 * What the budgets are measured against: a bare `node:http` server that reads the body and answers the same JSON.
 *
 * Run as a program: prints its port. Arguments: the answer's status, and the answer.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface BareServer {
  readonly port: number
  readonly pid: number
  stop(): void
}

export function startBareServer(status: number, answer: string): Promise<BareServer> {
  const child = spawn(process.execPath, [import.meta.filename, String(status), answer], { stdio: ['ignore', 'pipe', 'inherit'] })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.stdout.once('data', (chunk: Buffer) => resolve({ port: Number(chunk.toString()), pid: child.pid ?? 0, stop: () => child.kill() }))
  })
}

if (process.argv[1] === import.meta.filename) {
  const [, , status, answer = ''] = process.argv
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      JSON.parse(Buffer.concat(chunks).toString())
      response.writeHead(Number(status), { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) })
      response.end(answer)
    })
  })
  server.listen(0, '127.0.0.1', () => process.stdout.write(String((server.address() as AddressInfo).port)))
}
