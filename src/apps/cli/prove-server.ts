/**
 * Asks whoever listens where the server of a data directory said that it would whether they are that server.
 *
 * @module
 */
import * as http from 'node:http'
import * as https from 'node:https'
import { challenge, reachable, type Address, type OwnServer } from '../own-server.ts'

/** For all of it: whoever answers byte by byte holds nobody up. */
const timeoutMs = 5_000
const answerMax = 1_024

/** Where the proven server is reached, and nobody else while it lives; null when whoever answers cannot prove it, or nobody does. */
export async function proveServer(told: OwnServer, signal: AbortSignal): Promise<Address | null> {
  const at = reachable(told)
  const { path, isAnsweredBy } = challenge(told)
  const answer = await ask(new URL(told.url).protocol, at, path, signal)
  return answer !== null && isAnsweredBy(answer) ? at : null
}

/** Nothing secret is sent, and the answer proves itself, so any certificate will do. */
function ask(protocol: string, { address, port }: Address, path: string, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    const get = protocol === 'https:' ? https.get : http.get
    const request = get({ host: address, port, path, signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]), rejectUnauthorized: false, agent: false }, (response) => {
      let text = ''
      response.setEncoding('latin1')
      response.on('data', (chunk: string) => {
        text += chunk
        if (text.length > answerMax) request.destroy()
      })
      response.on('end', () => resolve(response.statusCode === 200 ? text : null))
      response.on('error', () => resolve(null))
    })
    request.on('error', () => resolve(null))
    request.on('close', () => resolve(null))
  })
}
