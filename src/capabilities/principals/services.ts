import type { Keyring } from '#core/keyring/keyring'
import type { RowGuard } from '#core/storage/row-guard'
import type { ReadableStorage } from '#core/storage/storage'
import type { Metrics } from '#core/telemetry/metrics'
import type { Peppers } from '#cap/keys'
import type { Access } from './access.ts'

/** What the operations of this room work with; the server wires it up once. */
export interface PrincipalsServices {
  readonly storage: ReadableStorage
  readonly guard: RowGuard
  readonly keyring: Keyring
  readonly peppers: Peppers
  readonly access: Access
  readonly metrics: Metrics
}
