/** `protect` for handlers of Fetch requests: Deno, Bun, workers, and frameworks built on them. */
import { createGuard, queryValuesOf, type ProtectOptions, type RequestReader } from './protect.ts'
import type { Refusal } from './refusal.ts'
import type { VerifiedKey } from './verified-key.ts'

/** A `Request` does not say who sent it, so without `clientIp` keys that are bound to addresses are refused. */
export const fetchReader: RequestReader<Request> = {
  presentationOf: ({ headers, url }) => ({
    // Several of a name come as one, with commas between, which neither a key nor an origin has.
    header: (name) => {
      const value = headers.get(name)
      return value === null ? [] : [value]
    },
    query: (name) => queryValuesOf(url, name),
  }),
  peerAddressOf: () => null,
}

export type Guarded = { readonly key: VerifiedKey; readonly response: null } | { readonly key: null; readonly response: Response }

/** A guard for Fetch handlers: the key, or the response to answer with. @throws TypeError when an option will not do */
export function protect(options: ProtectOptions<Request>): (request: Request) => Promise<Guarded> {
  const guard = createGuard(options, fetchReader)
  return async (request) => {
    const verification = await guard(request)
    return verification.valid ? { key: verification.key, response: null } : { key: null, response: responseOf(verification.refusal) }
  }
}

export const responseOf = ({ status, headers, body }: Refusal): Response => new Response(body, { status, headers })
