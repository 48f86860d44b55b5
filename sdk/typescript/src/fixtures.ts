/** A server that answers what a test says: for what the real one never does, and for failing at a chosen moment. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export interface Recorded {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface StandIn {
  readonly url: string
  readonly port: number
  /** Every request that came, in order. */
  readonly requests: readonly Recorded[]
  answer: (response: ServerResponse, request: Recorded, socket: Socket) => void
  close(): Promise<void>
}

export async function startStandIn(answer: StandIn['answer'] = () => {}): Promise<StandIn> {
  const requests: Recorded[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const recorded = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString('utf8') }
      requests.push(recorded)
      standIn.answer(response, recorded, request.socket)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const standIn: StandIn = {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    answer,
    close: () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      return closed
    },
  }
  return standIn
}

export function sendJson(response: ServerResponse, status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
}

export function sendProblem(response: ServerResponse, status: number, code: string, headers: Readonly<Record<string, string>> = {}, more: object = {}): void {
  response.writeHead(status, { 'content-type': 'application/problem+json', ...headers })
  response.end(JSON.stringify({ type: `/errors/${code}`, title: 'A title', status, detail: 'A detail.', code, instance: 'urn:claviger:request:req_1', ...more }))
}

/** A credential as one looks; it opens nothing. */
export const credential = 'clv_live_0123456789abcdefSECRETSECRETSECRETSECRETSECRETSECRETSECRETSEC000000'
/** A customer's key as one looks. */
export const presentedKey = 'rpc_live_abcdef0123456789KEYKEYKEYKEYKEYKEYKEYKEYKEYKEYKEYKEYKEYKEY0000000'

/** The answer of `keys.verify` for a key that is good. */
export const validAnswer = {
  valid: true, code: 'valid', keyId: 'key_0123456789abcdef', apiId: 'api_0123456789abcdef', environmentId: 'env_0123456789abcdef',
  environment: 'production', consumerId: null, permissions: ['rpc:read'], expiresAt: '2027-01-31T00:00:00.000Z',
}

export const refusedAnswer = (code: string) => ({
  valid: false, code, keyId: null, apiId: null, environmentId: null, environment: null, consumerId: null, permissions: [], expiresAt: null,
})
