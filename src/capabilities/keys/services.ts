import type { ReadableStorage } from '#core/storage/storage'
import type { RowGuard } from '#core/storage/row-guard'
import type { Keyring } from '#core/keyring/keyring'
import type { SectionSealer } from '#cap/audit'
import type { Peppers } from './peppers.ts'
import type { UseRecorder } from './use-recorder.ts'
import type { Verification } from './verification.ts'

/**
 * What a credential of the control plane lets its holder do. Principals and their roles are known by the room above,
 * which provides this. `permissions` are the key's own; null when its row is not to be believed.
 */
export type CredentialGrants = (principalId: string, permissions: readonly string[] | null) => Promise<ReadonlySet<string>>

/** What the operations of this room work with; the server wires it up once. */
export interface KeysServices {
  readonly storage: ReadableStorage
  readonly guard: RowGuard
  readonly keyring: Keyring
  readonly peppers: Peppers
  readonly verification: Verification
  readonly uses: UseRecorder
  readonly sections: SectionSealer
  readonly credentialGrants: CredentialGrants
}
