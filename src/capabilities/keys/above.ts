/** What a key stands under, all of it genuine and in force: what must be so before a key gets more than it has. */
import type { WorkspaceId } from '#core/base/id'
import type { Expectation } from '#core/storage/commit'
import { keyFaults } from './faults.ts'
import { requireApi, requireConsumer, requireEnvironment } from './find.ts'
import type { KeysServices } from './services.ts'
import { apiTable, consumerTable, environmentTable, type ApiRow, type EnvironmentRow } from './tables.ts'

export interface Above {
  readonly api: ApiRow
  readonly environment: EnvironmentRow
  /** That none of it has changed when the key is written. */
  readonly expects: readonly Expectation[]
}

/** @throws Fault keys/already-revoked; keys/environment-not-found and its like, storage/tampered */
export async function requireAbove(
  services: KeysServices, workspaceId: WorkspaceId, at: { readonly environmentId: string; readonly consumerId: string | null },
): Promise<Above> {
  const environment = await requireEnvironment(services, workspaceId, at.environmentId)
  const api = await requireApi(services, workspaceId, environment.api_id)
  const consumer = at.consumerId === null ? null : await requireConsumer(services, workspaceId, at.consumerId)
  if (api.status === 'revoked') throw keyFaults['already-revoked']('This API was revoked, and everything under it.')
  if (environment.status === 'revoked') throw keyFaults['already-revoked']('This environment was revoked, and everything under it.')
  if (consumer?.status === 'revoked') throw keyFaults['already-revoked']('This consumer was revoked, and all its keys.')
  return {
    api,
    environment,
    expects: [
      { table: environmentTable, id: environment.id, version: environment.version },
      { table: apiTable, id: api.id, version: api.version },
      ...(consumer === null ? [] : [{ table: consumerTable, id: consumer.id, version: consumer.version }]),
    ],
  }
}
