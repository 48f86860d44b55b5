/** What `protect` is in every framework: the same steps over that framework's requests. */
import { originOf } from './client-facts.ts'
import type { Permissions } from './permissions.ts'
import { createProtector, type Presentation, type Protector, type ProtectorOptions, type Verification } from './protector.ts'

export type ProtectOptions<Request> = ({ readonly protector: Protector } | ProtectorOptions) & {
  /**
   * What a request needs: permissions, or a function of the request. `[]` takes any valid key; null refuses every one,
   * which is what a function should answer for what it does not know.
   */
  readonly permissions: Permissions | ((request: Request) => Permissions | null | Promise<Permissions | null>)
  /**
   * The client's address. Default: the other end of the connection. Behind a proxy of yours, read the header that it
   * sets; no forwarded header is believed otherwise.
   */
  readonly clientIp?: ((request: Request) => string | null | undefined) | undefined
}

/** How a framework's requests are read. */
export interface RequestReader<Request> {
  readonly presentationOf: (request: Request) => Presentation
  /** The other end of the connection, when the runtime tells. */
  readonly peerAddressOf: (request: Request) => string | null | undefined
}

/** Decides on requests. @throws whatever the functions in the options throw: that lets nothing through either */
export function createGuard<Request>(options: ProtectOptions<Request>, reader: RequestReader<Request>): (request: Request) => Promise<Verification> {
  const protector = 'protector' in options ? options.protector : createProtector(options)
  const { permissions, clientIp = reader.peerAddressOf } = options
  return async (request) => {
    const presentation = reader.presentationOf(request)
    const presented = protector.presented(presentation)
    if ('refusal' in presented) return { valid: false, refusal: presented.refusal }
    return protector.verify(presented.key, {
      permissions: typeof permissions === 'function' ? await permissions(request) : permissions,
      clientIp: clientIp(request),
      origin: originOf(presentation.header('origin')),
    })
  }
}

/** Query parameters of an address, whatever stands before its question mark. */
export function queryValuesOf(url: string, name: string): readonly string[] {
  const start = url.indexOf('?')
  return start === -1 ? [] : new URLSearchParams(url.slice(start)).getAll(name)
}
