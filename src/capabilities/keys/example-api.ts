/**
 * The API that a first start makes to try things on: `demo`, with one environment for development. An ordinary one: its
 * owner can change it, and revokes it when it has served.
 *
 * @module
 */
import type { Random } from '#core/base/id'
import type { Keyring } from '#core/keyring/keyring'
import type { Change } from '#cap/audit'
import { apiDetails, apiFacts, newApi } from './api.ts'
import { environmentFacts, newEnvironment, writesOfNewEnvironment } from './environment.ts'
import { apiTable } from './tables.ts'

export async function exampleApi(
  keyring: Keyring, of: { readonly workspaceId: string; readonly atMs: number; readonly random: Random; readonly operation: string },
): Promise<readonly [Change, Change]> {
  const { workspaceId, atMs, random, operation } = of
  const api = newApi({
    workspaceId, slug: 'demo', name: 'Demo', prefix: 'demo', atMs, random,
    permissions: [
      { name: 'demo:read', access: 'read', description: 'Look at something.' },
      { name: 'demo:write', access: 'write', description: 'Change something.' },
    ],
  })
  const environment = newEnvironment({ workspaceId, apiId: api.id, kind: 'development', atMs, random })
  const common = { workspaceId, atMs, operation, actor: { system: operation }, expects: [], erases: [], takesAway: false }
  return [
    { ...common, event: 'api.created', target: api.id, facts: apiFacts(api), details: apiDetails(api), writes: [{ kind: 'insert', table: apiTable, row: api }] },
    {
      ...common, event: 'environment.created', target: environment.id, facts: environmentFacts(environment), details: [],
      writes: await writesOfNewEnvironment(keyring, environment),
    },
  ]
}
