/** `protect` for Hono. */
import type { Context, MiddlewareHandler } from 'hono'
import { fetchReader, responseOf } from './fetch.ts'
import { createGuard, type ProtectOptions } from './protect.ts'
import type { VerifiedKey } from './verified-key.ts'

/** What `protect` adds to a context's variables. */
export interface ClavigerVariables {
  /** The key that `protect` let through. */
  claviger: VerifiedKey
}

/**
 * Middleware that lets only requests with a valid key through, as `context.get('claviger')`.
 *
 * Give it `app.use(…)`, or the route itself: Hono may pass over middleware whose path has a wildcard in the middle
 * (honojs/hono#5394).
 *
 * The client's address is known by default on Node (`@hono/node-server`); elsewhere pass `clientIp`, such as the
 * `getConnInfo` of your runtime.
 *
 * @throws TypeError when an option will not do
 */
export function protect(options: ProtectOptions<Context>): MiddlewareHandler<{ Variables: ClavigerVariables }> {
  const guard = createGuard<Context>(options, {
    presentationOf: (context) => fetchReader.presentationOf(context.req.raw),
    peerAddressOf: (context) => (context.env as NodeBindings | undefined)?.incoming?.socket?.remoteAddress,
  })
  return async (context, next) => {
    const verification = await guard(context)
    if (!verification.valid) return responseOf(verification.refusal)
    context.set('claviger', verification.key)
    await next()
    return undefined
  }
}

/** What Hono's server for Node puts into `context.env`. */
interface NodeBindings {
  readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } }
}
