/**
 * What binds a wrapped key, or a record sealed with one, to its place.
 *
 * The context is the associated data of the encryption, so a row that was swapped, moved to another tenant or rolled
 * back to another version does not decrypt.
 *
 * @module
 */
import { assert } from '#core/base/assert'
import { canonicalJson } from '#core/base/json'
import type { SignatureAlgorithmName } from './sign.ts'

export type KeyType =
  | 'workspace'
  | 'environment'
  | 'subject'
  | 'row-mac'
  | 'log-ed25519'
  | 'log-ml-dsa-44'
  | 'record'

export interface KeyTypeSpec {
  /** The type of key that wraps it. */
  readonly parent: KeyType | 'root'
  /** Which ids of its context are filled: none, the workspace's, or both. */
  readonly scope: 'instance' | 'workspace' | 'environment'
  /** Whether it may leave the key process. */
  readonly exportable: boolean
  /** What may be derived from it. */
  readonly labels: readonly string[]
  /** What it signs with; the key is the algorithm's seed. */
  readonly algorithm: SignatureAlgorithmName | null
}

const kept = { exportable: false, labels: [], algorithm: null } as const
const dataKey = { ...kept, exportable: true } as const

/**
 * Every type of key below the root. `subject` encrypts the personal details of one person, and destroying it erases
 * them; `record` encrypts one stored secret; `row-mac` guards the rows that decide access.
 */
export const keyTypes: Readonly<Record<KeyType, KeyTypeSpec>> = {
  'row-mac': { ...dataKey, parent: 'root', scope: 'instance' },
  'workspace': { ...kept, parent: 'root', scope: 'workspace' },
  'subject': { ...dataKey, parent: 'workspace', scope: 'workspace' },
  'log-ed25519': { ...kept, parent: 'workspace', scope: 'workspace', algorithm: 'ed25519' },
  'log-ml-dsa-44': { ...kept, parent: 'workspace', scope: 'workspace', algorithm: 'ml-dsa-44' },
  'environment': { ...kept, parent: 'workspace', scope: 'environment', labels: ['pepper/v1'] },
  'record': { ...dataKey, parent: 'environment', scope: 'environment' },
}

export interface KeyContext {
  /** '' for keys of the whole instance. */
  readonly workspaceId: string
  /** '' for keys above the environments. */
  readonly environmentId: string
  readonly type: KeyType
  readonly id: string
  /** 1 to 2³² - 1. */
  readonly version: number
}

/** A key as it is stored: sealed under its parent, with its context as associated data. */
export interface WrappedKey {
  readonly context: KeyContext
  readonly wrapped: Uint8Array
}

const idShape = /^[\x21-\x7e]{1,128}$/
const versionMax = 0xffff_ffff

export const isKeyType = (text: string): text is KeyType => Object.hasOwn(keyTypes, text)

/** Whether the context names one place and only one: ids are 1 to 128 printable ASCII characters, as its scope says. */
export function isWellFormed({ workspaceId, environmentId, type, id, version }: KeyContext): boolean {
  const { scope } = keyTypes[type]
  return (
    idShape.test(id) &&
    (scope === 'instance' ? workspaceId === '' : idShape.test(workspaceId)) &&
    (scope === 'environment' ? idShape.test(environmentId) : environmentId === '') &&
    Number.isInteger(version) && version >= 1 && version <= versionMax
  )
}

/**
 * The canonical encoding: one byte sequence for one context, different for different ones. Used as associated data for
 * wrapping the key itself, and for what is sealed with the key.
 *
 * @param purpose keeps the two apart, so that a sealed record never passes for a wrapped key
 */
export function encodeContext(context: KeyContext, purpose: 'key' | 'record' = 'key'): Buffer {
  assert(isWellFormed(context), 'C3: a key context names exactly one place')
  const { workspaceId, environmentId, type, id, version } = context
  return Buffer.from(canonicalJson([`claviger/${purpose}/v1`, workspaceId, environmentId, type, id, version]), 'utf8')
}
