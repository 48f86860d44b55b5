/** An environment: development, test or production of one API, with its own tag, policy and keys. Transitions are pure. */
import { toTimestamp, toTimestampOrNull } from '#core/base/clock'
import { newId, type Random } from '#core/base/id'
import { canonicalJson, type JsonObject } from '#core/base/json'
import { environmentKey, subjectKey, type Keyring } from '#core/keyring/keyring'
import type { RowWrite } from '#core/storage/commit'
import { keyFaults } from './faults.ts'
import { legibleEnvironment } from './legible.ts'
import { defaultPolicies, type Policy } from './policy.ts'
import { checkedStanding } from './standing.ts'
import { environmentTable, type EnvironmentRow } from './tables.ts'

/** The pepper that an environment's first keys are hashed under. */
const firstPepperVersion = 1

type Kind = EnvironmentRow['kind']

export const kinds = ['development', 'test', 'production'] as const

/** What stands in the tokens of each kind, unless told otherwise. */
const defaultTags: Readonly<Record<Kind, string>> = { development: 'dev', test: 'test', production: 'live' }

/** Uses of real customers are evidence, so production waits for the disk. */
const defaultRecording: Readonly<Record<Kind, EnvironmentRow['recording']>> = { development: 'relaxed', test: 'relaxed', production: 'durable' }

export interface EnvironmentChange {
  readonly policy?: Partial<Policy>
  readonly recording?: EnvironmentRow['recording']
}

export function newEnvironment(
  of: EnvironmentChange & { workspaceId: string; apiId: string; kind: Kind; slug?: string; tag?: string; atMs: number; random: Random },
): EnvironmentRow {
  return checkedStanding({
    id: newId('env', of.random), version: 1, workspace_id: of.workspaceId, api_id: of.apiId, slug: of.slug ?? of.kind, kind: of.kind,
    tag: of.tag ?? defaultTags[of.kind], status: 'active', policy: canonicalJson({ ...defaultPolicies[of.kind], ...of.policy }),
    recording: of.recording ?? defaultRecording[of.kind], pepper_version: firstPepperVersion,
    created_at_ms: of.atMs, revoked_at_ms: null, revocation_reason: null,
  })
}

/** Its row, and the keys it starts with: the one its peppers come from, and the one its uses are sealed under. */
export async function writesOfNewEnvironment(keyring: Keyring, environment: EnvironmentRow): Promise<readonly RowWrite[]> {
  const draft = keyring.draft()
  await draft.create(environmentKey(environment.workspace_id, environment.id))
  await draft.create(subjectKey(environment.workspace_id, environment.id))
  return [...draft.writes, { kind: 'insert', table: environmentTable, row: environment }]
}

export const policyOf = (environment: EnvironmentRow): Policy => JSON.parse(environment.policy) as Policy

/** Keys that exist are not touched: the policy counts when they are next changed. @throws Fault keys/already-revoked */
export function changeEnvironment(environment: EnvironmentRow, { policy, recording }: EnvironmentChange): EnvironmentRow {
  if (environment.status === 'revoked') throw keyFaults['already-revoked']('A revoked environment is not changed any more.')
  return checkedStanding({
    ...environment,
    version: environment.version + 1,
    policy: canonicalJson({ ...policyOf(environment), ...policy }),
    recording: recording ?? environment.recording,
  })
}

export function presentEnvironment(row: EnvironmentRow, genuine: boolean) {
  const environment = genuine ? row : legibleEnvironment(row)
  return {
    environmentId: environment.id,
    version: environment.version,
    apiId: environment.api_id,
    slug: environment.slug,
    kind: environment.kind,
    tag: environment.tag,
    status: environment.status,
    policy: policyOf(environment),
    recording: environment.recording,
    createdAt: toTimestamp(environment.created_at_ms),
    revokedAt: toTimestampOrNull(environment.revoked_at_ms),
    revocationReason: environment.revocation_reason,
    genuine,
  }
}

export const environmentFacts = (environment: EnvironmentRow): JsonObject => ({
  api: environment.api_id,
  slug: environment.slug,
  kind: environment.kind,
  tag: environment.tag,
  status: environment.status,
  policy: { ...policyOf(environment) },
  recording: environment.recording,
})
