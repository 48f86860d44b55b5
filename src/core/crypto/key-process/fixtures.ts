import type { Random } from '#core/base/id'
import type { KeyContext, KeyType, WrappedKey } from '../key-context.ts'
import { unsafeSeededRandom } from '../random.ts'
import type { Keeper } from './keeper.ts'

/** Contexts of one small instance, for tests. */
export const contexts = {
  rowMac: { workspaceId: '', environmentId: '', type: 'row-mac', id: 'instance', version: 1 },
  workspace: { workspaceId: 'wsp_a', environmentId: '', type: 'workspace', id: 'wsp_a', version: 1 },
  environment: { workspaceId: 'wsp_a', environmentId: 'env_a', type: 'environment', id: 'env_a', version: 1 },
  record: { workspaceId: 'wsp_a', environmentId: 'env_a', type: 'record', id: 'sec_a', version: 1 },
  subject: { workspaceId: 'wsp_a', environmentId: '', type: 'subject', id: 'sub_a', version: 1 },
  logEd25519: { workspaceId: 'wsp_a', environmentId: '', type: 'log-ed25519', id: 'wsp_a', version: 1 },
  logMlDsa44: { workspaceId: 'wsp_a', environmentId: '', type: 'log-ml-dsa-44', id: 'wsp_a', version: 1 },
} as const satisfies Record<string, KeyContext>

/** A random source that remembers the keys it made, so that a test can look for them. */
export function recordingRandom(seed: string): Random & { readonly keys: Buffer[] } {
  const random = unsafeSeededRandom(seed)
  const keys: Buffer[] = []
  return {
    keys,
    base62: (length) => random.base62(length),
    bytes(length) {
      const bytes = random.bytes(length)
      keys.push(Buffer.from(bytes))
      return bytes
    },
  }
}

/** How a key might stand somewhere: as it is, or as text. */
export const spellings = (key: Buffer): Buffer[] => [
  key,
  ...(['hex', 'base64', 'base64url'] as const).map((encoding) => Buffer.from(key.toString(encoding))),
]

/** The order in which `createHierarchy` draws its keys. */
export const creationOrder: readonly KeyType[] = [
  'workspace', 'environment', 'row-mac', 'record', 'subject', 'log-ed25519', 'log-ml-dsa-44',
]

/** Creates one key of each type; chains by the names of `contexts`. */
export function createHierarchy(keeper: Keeper): { readonly [Name in keyof typeof contexts]: readonly WrappedKey[] } {
  const under = (context: KeyContext, parents: readonly WrappedKey[]): WrappedKey[] => [
    ...parents,
    { context, wrapped: keeper.answer({ operation: 'createKey', context, parents }) },
  ]
  const workspace = under(contexts.workspace, [])
  const environment = under(contexts.environment, workspace)
  return {
    workspace,
    environment,
    rowMac: under(contexts.rowMac, []),
    record: under(contexts.record, environment),
    subject: under(contexts.subject, workspace),
    logEd25519: under(contexts.logEd25519, workspace),
    logMlDsa44: under(contexts.logMlDsa44, workspace),
  }
}
