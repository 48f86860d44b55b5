/**
 * What one run of the program has at hand.
 *
 * @module
 */
import type { Environment, Places } from './places.ts'
import type { Terminal } from './terminal.ts'

export interface Session {
  readonly terminal: Terminal
  readonly environment: Environment
  readonly places: Places
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
  readonly nowMs: () => number
  /** Remembers where it speaks to, and by whose remembered login if by any, for what is said of failures. */
  connectedTo(url: URL, profile: string | null): void
  /** Remembers that a write with this idempotency key is under way, or that none is. */
  writing(idempotencyKey: string | null): void
}
