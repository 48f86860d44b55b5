/** Founding a workspace: everything it starts with, decided at once and committed at once. */
import { createHmacSha256 } from '@claviger/verifier'
import { newId, type Random, type WorkspaceId } from '#core/base/id'
import { canonicalJson, type JsonObject } from '#core/base/json'
import { environmentKey, logKey, subjectKey, workspaceKey, type Keyring } from '#core/keyring/keyring'
import type { RowWrite } from '#core/storage/commit'
import {
  apiTable, defaultPolicies, environmentTable, issueKey, roleGrants, workspaceTable, type ApiRow, type EnvironmentRow, type WorkspaceRow,
} from '#cap/keys'
import { builtInApi } from './built-in.ts'
import { newPrincipal, principalTable, type PrincipalRow } from './principal.ts'

/** The pepper that an environment's first keys are hashed under. */
const firstPepperVersion = 1

export interface Founded {
  readonly workspace: WorkspaceRow
  readonly owner: PrincipalRow
  readonly secret: string
  readonly keyId: string
  readonly writes: readonly RowWrite[]
  readonly facts: JsonObject
}

export async function foundWorkspace(
  keyring: Keyring,
  of: { name: string; ownerName: string; isRoot: boolean; atMs: number; random: Random; founderId: string | null },
): Promise<Founded> {
  const { atMs, random } = of
  const owned = { version: 1, created_at_ms: atMs, revoked_at_ms: null, revocation_reason: null, status: 'active' } as const
  const workspaceId: WorkspaceId = newId('wsp', random)
  const workspace: WorkspaceRow = { ...owned, id: workspaceId, workspace_id: workspaceId, name: of.name, is_root: of.isRoot ? 1 : 0 }
  const api: ApiRow = {
    ...owned, id: newId('api', random), workspace_id: workspaceId, slug: builtInApi.slug, name: builtInApi.name, prefix: builtInApi.prefix,
    catalogue: '[]', built_in: 1,
  }
  const environment: EnvironmentRow = {
    ...owned, id: newId('env', random), workspace_id: workspaceId, api_id: api.id, slug: 'production', kind: 'production', tag: builtInApi.tag,
    policy: canonicalJson({ ...defaultPolicies.production }), recording: 'relaxed', pepper_version: firstPepperVersion,
  }
  const owner = newPrincipal({ workspaceId, kind: 'user', name: of.ownerName, role: 'owner', atMs, random })

  const draft = keyring.draft()
  await draft.create(workspaceKey(workspaceId))
  await draft.create(environmentKey(workspaceId, environment.id))
  await draft.create(logKey('log-ed25519', workspaceId))
  await draft.create(logKey('log-ml-dsa-44', workspaceId))
  // The workspace and the environment are subjects too: of uses that no consumer stands behind.
  for (const subject of [workspaceId, environment.id, owner.id]) await draft.create(subjectKey(workspaceId, subject))
  const pepper = await draft.derive(environmentKey(workspaceId, environment.id), 'pepper/v1', firstPepperVersion)

  const issuer = { atMs, random, principalId: of.founderId ?? owner.id }
  const credential = issueKey(issuer, {
    api, environment, permissions: [roleGrants], hash: createHmacSha256(pepper), terms: { name: 'first credential' }, principalId: owner.id,
  })
  pepper.fill(0)
  return {
    workspace,
    owner,
    secret: credential.output.secret,
    keyId: credential.output.keyId,
    writes: [
      ...draft.writes,
      { kind: 'insert', table: workspaceTable, row: workspace },
      { kind: 'insert', table: apiTable, row: api },
      { kind: 'insert', table: environmentTable, row: environment },
      { kind: 'insert', table: principalTable, row: owner },
      ...credential.writes,
    ],
    facts: { api: api.id, environment: environment.id, owner: owner.id, credential: credential.output.keyId, root: of.isRoot },
  }
}
