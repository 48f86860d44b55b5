/** The built-in API, whose keys are the control plane's credentials. */
import { assert } from '#core/base/assert'
import type { WorkspaceId } from '#core/base/id'
import { readGenuine } from '#core/storage/guarded-read'
import { apiTable, environmentTable, type ApiRow, type EnvironmentRow, type KeysDatabase } from '#cap/keys'
import type { PrincipalsServices } from './services.ts'

export const builtInApi = { slug: 'claviger', name: 'Claviger', prefix: 'clv', tag: 'live' } as const

/** A workspace's own, with its one environment. @throws Fault storage/tampered */
export async function requireBuiltIn(
  { storage, guard }: Pick<PrincipalsServices, 'storage' | 'guard'>, workspaceId: WorkspaceId,
): Promise<{ readonly api: ApiRow; readonly environment: EnvironmentRow }> {
  const found = await storage.reader<KeysDatabase>().selectFrom('environments').innerJoin('apis', 'apis.id', 'environments.api_id')
    .select(['environments.id as environmentId', 'apis.id as apiId'])
    .where('apis.workspace_id', '=', workspaceId).where('apis.built_in', '=', 1).executeTakeFirstOrThrow()
  const api = await readGenuine(storage.reader<never>(), guard, apiTable, found.apiId)
  const environment = await readGenuine(storage.reader<never>(), guard, environmentTable, found.environmentId)
  assert(api !== null && environment !== null, 'P2: every workspace has its built-in API and environment')
  return { api, environment }
}
