/** `protect` for Express 4 and 5. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { nodeReader, sendRefusal } from './node.ts'
import { createGuard, type ProtectOptions } from './protect.ts'
import type { VerifiedKey } from './verified-key.ts'

declare global {
  // Where Express's own types look for what middleware adds.
  namespace Express {
    interface Request {
      /** The key that `protect` let through. */
      claviger?: VerifiedKey
    }
  }
}

/**
 * Middleware that lets only requests with a valid key through, as `request.claviger`.
 *
 * @throws TypeError when an option will not do
 */
export function protect<Request extends IncomingMessage = IncomingMessage>(
  options: ProtectOptions<Request>,
): (request: Request & { claviger?: VerifiedKey }, response: ServerResponse, next: (error?: unknown) => void) => void {
  const guard = createGuard<Request>(options, nodeReader)
  return (request, response, next) => {
    guard(request).then(
      (verification) => {
        if (!verification.valid) return sendRefusal(response, verification.refusal)
        request.claviger = verification.key
        next()
      },
      (error: unknown) => next(error),
    )
  }
}
