/** The door of the keys room: other code imports this file and no other. */
import { createApi } from './create-api.ts'
import { createConsumer } from './create-consumer.ts'
import { createEnvironment } from './create-environment.ts'
import { createKey } from './create-key.ts'
import { disableKey } from './disable-key.ts'
import { enableKey } from './enable-key.ts'
import { eraseConsumerOperation } from './erase-consumer.ts'
import { getApi } from './get-api.ts'
import { getConsumer } from './get-consumer.ts'
import { getEnvironment } from './get-environment.ts'
import { getKey } from './get-key.ts'
import { listApis } from './list-apis.ts'
import { listConsumers } from './list-consumers.ts'
import { listEnvironments } from './list-environments.ts'
import { listKeys } from './list-keys.ts'
import { listUseBlocks } from './list-use-blocks.ts'
import { listUses } from './list-uses.ts'
import { revokeApi } from './revoke-api.ts'
import { revokeConsumer } from './revoke-consumer.ts'
import { revokeEnvironment } from './revoke-environment.ts'
import { revokeKey } from './revoke-key.ts'
import { updateApi } from './update-api.ts'
import { updateConsumer } from './update-consumer.ts'
import { updateEnvironment } from './update-environment.ts'
import { updateKey } from './update-key.ts'
import { verifyKey } from './verify-key.ts'

export { isWithinRanges } from './authority.ts'
export { issueKey } from './create-key.ts'
export { keyErasures, keysErasedMax, noKeyFromNow } from './erase-keys.ts'
export { exampleApi } from './example-api.ts'
export { reason as revocationReason } from './key-schema.ts'
export { legibleRanges } from './legible.ts'
export { keysMigrations } from './migrations/index.ts'
export { createPeppers, type Peppers } from './peppers.ts'
export { roleGrants } from './permission.ts'
export { defaultPolicies } from './policy.ts'
export type { CredentialGrants, KeysServices } from './services.ts'
export {
  apiTable, environmentTable, keyTable, workspaceTable,
  type ApiRow, type EnvironmentRow, type KeyRow, type KeysDatabase, type WorkspaceRow,
} from './tables.ts'
export { createUseCutter, type UseCutter } from './use-cutter.ts'
export { createUseRecorder, type UseRecorder } from './use-recorder.ts'
export { createVerification, type Verification, type Verified } from './verification.ts'

export const operations = [
  createApi, listApis, getApi, updateApi, revokeApi,
  createEnvironment, listEnvironments, getEnvironment, updateEnvironment, revokeEnvironment,
  createConsumer, listConsumers, getConsumer, updateConsumer, revokeConsumer, eraseConsumerOperation,
  createKey, listKeys, getKey, updateKey, disableKey, enableKey, revokeKey, verifyKey,
  listUses, listUseBlocks,
] as const
