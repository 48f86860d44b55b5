/** `protect` for Fastify 4 and 5. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { nodeReader } from './node.ts'
import { createGuard, type ProtectOptions } from './protect.ts'
import type { VerifiedKey } from './verified-key.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The key that `protect` let through. */
    claviger?: VerifiedKey
  }
}

/**
 * A hook that lets only requests with a valid key through, as `request.claviger`: `onRequest`, or `preHandler` where the
 * permissions depend on the body.
 *
 * @throws TypeError when an option will not do
 */
export function protect(options: ProtectOptions<FastifyRequest>): (request: FastifyRequest, reply: FastifyReply) => Promise<unknown> {
  const guard = createGuard<FastifyRequest>(options, {
    presentationOf: ({ raw }) => nodeReader.presentationOf(raw),
    // Not `request.ip`, which is what a forwarded header says when Fastify trusts proxies.
    peerAddressOf: ({ raw }) => nodeReader.peerAddressOf(raw),
  })
  return async (request, reply) => {
    const verification = await guard(request)
    if (verification.valid) {
      request.claviger = verification.key
      return undefined
    }
    const { status, headers, body } = verification.refusal
    // As bytes: to text, Fastify would add a charset that JSON does not have (RFC 8259 §11).
    return reply.code(status).headers(headers).send(new TextEncoder().encode(body))
  }
}
