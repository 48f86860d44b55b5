import type { IncomingMessage } from 'node:http'
import type { Clock } from '#core/base/clock'
import type { Random } from '#core/base/id'
import type { Storage } from '#core/storage/storage'
import type { Logger } from '#core/telemetry/logger'
import type { CredentialThrottle } from './credential-throttle.ts'
import type { FailureLog } from './failure-log.ts'
import type { Limits } from './limits.ts'
import type { Ports } from './ports.ts'

/** What all requests of one server share. */
export interface ServerContext {
  readonly ports: Ports
  readonly limits: Limits
  readonly logger: Logger
  readonly failures: FailureLog
  readonly clock: Clock
  readonly random: Random
  readonly storage: Storage
  readonly newRequestId: () => string
  readonly clientAddressOf: (request: IncomingMessage) => string
  readonly credentialThrottle: CredentialThrottle
  /** Whether answers tell browsers to come by TLS only (RFC 6797). */
  readonly strictTransport: boolean
  /** Owned by `Exchange`: requests that are there whole and not answered yet. */
  inFlight: number
  /** Owned by `readBody`: bytes of bodies that are not there whole yet, other than of operations that take away. */
  arriving: number
  /** Owned by `Exchange`: requests whose answer has not gone out whole yet, answered or not. */
  open: number
  /** Called while draining, when none is open any more. */
  whenQuiet: () => void
  /** Set once by `close`: nothing new is taken on, and connections end with their answer. */
  isDraining: boolean
}
