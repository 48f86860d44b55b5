/** Every bound of the HTTP server that can be configured. The README's table says what is answered beyond each. */
export interface Limits {
  /** Bytes of a body. */
  readonly bodyMax: number
  /** Bytes of the request line and headers together. */
  readonly headerMax: number
  /** Characters of path and query together. */
  readonly uriMax: number
  /** Parameters in a query. */
  readonly queryParamsMax: number
  /** Requests under way at a time: those that are there whole. */
  readonly inFlightMax: number
  /** Open connections. */
  readonly connectionsMax: number
  /** Those of one client address, or IPv6 /64; trusted proxies may have as many as there are. */
  readonly connectionsPerAddressMax: number
  /** Refused credentials that one client address may send in a row, and how many more each second. */
  readonly refusedCredentialsMax: number
  readonly refusedCredentialsPerS: number
  /** For the request line and headers to arrive. */
  readonly headersTimeoutMs: number
  /** For the whole request to arrive. */
  readonly requestTimeoutMs: number
  /** For a whole answer to be taken. */
  readonly deliveryTimeoutMs: number
  /** How long an idle connection stays open. */
  readonly keepAliveMs: number
  /** How long `close` waits for what is under way. */
  readonly drainMs: number
}

export const defaultLimits: Limits = Object.freeze({
  bodyMax: 256 * 1024,
  headerMax: 16 * 1024,
  uriMax: 8 * 1024,
  queryParamsMax: 100,
  inFlightMax: 1_024,
  connectionsMax: 8_192,
  connectionsPerAddressMax: 2_048,
  refusedCredentialsMax: 100,
  refusedCredentialsPerS: 10,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  deliveryTimeoutMs: 30_000,
  keepAliveMs: 65_000,
  drainMs: 10_000,
})
