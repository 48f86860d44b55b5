/** `protect` for servers on `node:http`; what Express and Fastify stand on too. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createGuard, queryValuesOf, type ProtectOptions, type RequestReader } from './protect.ts'
import type { Refusal } from './refusal.ts'
import type { VerifiedKey } from './verified-key.ts'

/** What of a request of Node's is read here; HTTP/2's have it too. */
export interface NodeRequest {
  readonly rawHeaders: readonly string[]
  readonly url?: string | undefined
  readonly socket: { readonly remoteAddress?: string | undefined }
}

export const nodeReader: RequestReader<NodeRequest> = {
  presentationOf: ({ rawHeaders, url }) => ({
    // Not `headers`: of several it keeps the first, and does not say so.
    header: (name) => rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name),
    query: (name) => queryValuesOf(url ?? '', name),
  }),
  peerAddressOf: ({ socket }) => socket.remoteAddress,
}

/**
 * A guard for a server on `node:http`. It resolves with the key, or with null after it has answered the refusal.
 *
 * @throws TypeError when an option will not do
 */
export function protect(options: ProtectOptions<IncomingMessage>): (request: IncomingMessage, response: ServerResponse) => Promise<VerifiedKey | null> {
  const guard = createGuard(options, nodeReader)
  return async (request, response) => {
    const verification = await guard(request)
    if (verification.valid) return verification.key
    sendRefusal(response, verification.refusal)
    return null
  }
}

export function sendRefusal(response: ServerResponse, { status, headers, body }: Refusal): void {
  // The client may have left while Claviger was asked.
  if (response.destroyed || response.headersSent) return
  response.writeHead(status, { ...headers, 'content-length': String(new TextEncoder().encode(body).length) })
  response.end(body)
}
