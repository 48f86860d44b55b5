/** Facts about a client, passed on only in a form that Claviger takes. */

const octet = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
const ipv4 = new RegExp(`^${octet}(\\.${octet}){3}$`)
const ipv6Characters = /^[0-9a-f:.]{2,45}$/i

/**
 * An address, without the zone that link-local ones carry; undefined for anything else. Claviger then refuses keys that
 * are bound to addresses, and no others.
 */
export function addressOf(text: string | null | undefined): string | undefined {
  const address = text?.split('%', 1)[0] ?? ''
  if (ipv4.test(address)) return address
  return ipv6Characters.test(address) && address.includes(':') && URL.canParse(`http://[${address}]/`) ? address : undefined
}

const originShape = /^https?:\/\/[a-z0-9.-]{1,253}(:[0-9]{1,5})?$/

/** The one web origin that a request names (RFC 6454 §7). `null`, several, and other schemes count as none. */
export function originOf(values: readonly string[]): string | undefined {
  const [origin] = values
  return values.length === 1 && origin !== undefined && originShape.test(origin) ? origin : undefined
}
