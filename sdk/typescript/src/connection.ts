/** Where Claviger is, and who asks. */

export interface ConnectionOptions {
  /** Where Claviger listens: `https://claviger.example.com`. A path before `/v1` may stand there. */
  readonly url: string | URL
  /** A credential of the control plane, or what gives the present one: it is asked for every request. */
  readonly credential: string | (() => string | Promise<string>)
  /** In place of the runtime's own `fetch`: for a proxy, or a certificate authority of yours. */
  readonly fetch?: typeof globalThis.fetch | undefined
  /** Sends the credential over plain HTTP to hosts other than loopback, where anybody on the way can read it. */
  readonly unsafePlainHttp?: boolean | undefined
}

/**
 * The address that paths are appended to.
 *
 * @throws TypeError for anything but http or https, for plain HTTP beyond loopback, and for an address that has a
 * credential, a query or a fragment in it
 */
export function baseAddressOf({ url, unsafePlainHttp = false }: ConnectionOptions): string {
  const address = new URL(url)
  if (address.protocol !== 'https:' && address.protocol !== 'http:') throw new TypeError('The url of Claviger begins with https: or http:.')
  if (address.username !== '' || address.password !== '') throw new TypeError('The url of Claviger has no user or password in it. Pass the credential as `credential`.')
  if (address.search !== '' || address.hash !== '') throw new TypeError('The url of Claviger has no query and no fragment.')
  if (address.protocol === 'http:' && !isLoopback(address.hostname) && !unsafePlainHttp) {
    throw new TypeError(`Over plain http: the credential could be read on its way to ${address.hostname}. Use https:, or say \`unsafePlainHttp: true\`.`)
  }
  return `${address.origin}${address.pathname.replace(/\/+$/, '')}`
}

/** `URL` has written addresses in their one canonical form already. */
const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)

/** RFC 6750 §2.1, `b64token`. Nothing that could end a header, or begin another. */
const credentialShape = /^[A-Za-z0-9._~+/-]{1,512}={0,2}$/

export const hasCredentialShape = (text: string): boolean => credentialShape.test(text)

/** @throws TypeError when it is none */
export async function credentialOf({ credential }: ConnectionOptions): Promise<string> {
  return requireCredential(typeof credential === 'string' ? credential : await credential())
}

/** @throws TypeError when it is none; what it is instead is not told, for it may be most of one */
export function requireCredential(text: unknown): string {
  if (typeof text !== 'string' || !hasCredentialShape(text)) {
    throw new TypeError('The credential has characters that no credential has. Does a line break stand at its end?')
  }
  return text
}
