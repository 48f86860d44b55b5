import { assert } from '#core/base/assert'
import type { Random } from '#core/base/id'
import { hkdf, keyLength, open, seal, zero } from '../aead.ts'
import { cryptoFaults } from '../faults.ts'
import { encodeContext, isWellFormed, keyTypes } from '../key-context.ts'
import type { KeyContext, KeyType, KeyTypeSpec, WrappedKey } from '../key-context.ts'
import { signatureAlgorithms } from '../sign.ts'
import type { CommandOf, KeyCommand, Operation } from './protocol.ts'

/** How many wrapping keys stay unwrapped in memory. */
const wrappingKeysMax = 1024
const checkValueLength = 16

/** What the key process does, without the process: the root key and everything that may be asked of it. */
export interface Keeper {
  /**
   * Carries out one command. The answer is the caller's to wipe.
   *
   * @throws Fault `crypto/cannot-unwrap`, `crypto/not-permitted`
   */
  answer(command: KeyCommand): Buffer
  /** Wipes what is held. The keeper answers nothing afterwards. */
  close(): void
}

/**
 * Keys that wrap keys, and keys that are used, never meet: a key wraps its children under a key derived from it, so no
 * operation on a key can produce or reveal what protects its children.
 */
const wrappingKeyOf = (key: Uint8Array): Buffer => hkdf(key, 'claviger/wrap/v1', keyLength)

/**
 * @param rootKey 32 bytes; the keeper keeps only what it derives from them, so the caller may wipe them
 */
export function createKeeper(rootKey: Uint8Array, random: Random): Keeper {
  const rootWrappingKey = wrappingKeyOf(rootKey)
  const checkValue = hkdf(rootKey, 'claviger/check/v1', checkValueLength)
  const wrappingKeys = createWrappingKeyCache()
  let closed = false

  /** The key under which the children of the chain's last key are wrapped. */
  function descend(chain: readonly WrappedKey[]): Buffer {
    let wrappingKey = rootWrappingKey
    let path = ''
    for (const link of chain) {
      path += `${encodeContext(link.context).toString('latin1')}${Buffer.from(link.wrapped).toString('base64')}`
      wrappingKey = wrappingKeys.get(path) ?? wrappingKeys.add(path, use(unwrap(wrappingKey, link), wrappingKeyOf))
    }
    return wrappingKey
  }

  /** The chain's last key, in the clear. */
  function unwrapLast(chain: readonly WrappedKey[]): Buffer {
    return unwrap(descend(chain.slice(0, -1)), chain.at(-1)!)
  }

  const operations: { readonly [Name in Operation]: (command: CommandOf<Name>) => Buffer } = {
    ping: () => Buffer.from(checkValue),
    createKey({ context, parents }) {
      checkLineage([...parents.map((parent) => parent.context), context])
      return use(random.bytes(keyLength), (key) => seal(descend(parents), key, encodeContext(context)))
    },
    exportKey({ chain }) {
      const { type, spec } = checkChain(chain)
      if (!spec.exportable) throw cryptoFaults['not-permitted'](`A key of type ${type} does not leave the key process.`)
      return unwrapLast(chain)
    },
    derive({ chain, label, version }) {
      const { type, spec, context } = checkChain(chain)
      if (!spec.labels.includes(label)) {
        throw cryptoFaults['not-permitted'](`Nothing is derived from a key of type ${type} under this label.`)
      }
      return use(unwrapLast(chain), (key) => hkdf(key, derivationInfo(label, version, context), keyLength))
    },
    sign({ chain, message }) {
      const algorithm = algorithmOf(chain)
      return use(unwrapLast(chain), (seed) => algorithm.sign(seed, message))
    },
    publicKey({ chain }) {
      const algorithm = algorithmOf(chain)
      return use(unwrapLast(chain), (seed) => algorithm.publicKey(seed))
    },
  }

  return {
    answer(command) {
      assert(!closed, 'C5: a keeper without its root key does nothing')
      // TypeScript cannot tell that a command and the operation found by its name belong together.
      return (operations[command.operation] as (command: KeyCommand) => Buffer)(command)
    },
    close() {
      closed = true
      wrappingKeys.clear()
      zero(rootWrappingKey)
    },
  }
}

function algorithmOf(chain: readonly WrappedKey[]) {
  const { type, spec } = checkChain(chain)
  if (spec.algorithm === null) throw cryptoFaults['not-permitted'](`A key of type ${type} does not sign.`)
  return signatureAlgorithms[spec.algorithm]
}

/** Names the place of the key too, so that equal key bytes, should they ever occur, still give different outputs. */
const derivationInfo = (label: string, version: number, context: KeyContext): Buffer =>
  Buffer.concat([Buffer.from(`claviger/derive/${label}/${version}\n`, 'latin1'), encodeContext(context)])

function checkChain(chain: readonly WrappedKey[]): { type: KeyType; spec: KeyTypeSpec; context: KeyContext } {
  const context = checkLineage(chain.map((link) => link.context))
  return { type: context.type, spec: keyTypes[context.type], context }
}

/**
 * C4: a chain is root, then parent before child as `keyTypes` says, all of one workspace and one environment. The
 * encryption binds each key to its own context; this binds the contexts to each other.
 */
function checkLineage(contexts: readonly KeyContext[]): KeyContext {
  let parent: KeyContext | undefined
  for (const context of contexts) {
    const isChild =
      isWellFormed(context) &&
      keyTypes[context.type].parent === (parent?.type ?? 'root') &&
      (parent === undefined || parent.workspaceId === context.workspaceId) &&
      (parent === undefined || parent.environmentId === '' || parent.environmentId === context.environmentId)
    if (!isChild) throw cryptoFaults['not-permitted']('The keys do not form a chain from the root.')
    parent = context
  }
  if (parent === undefined) throw cryptoFaults['not-permitted']('A chain has at least one key.')
  return parent
}

function unwrap(wrappingKey: Buffer, { context, wrapped }: WrappedKey): Buffer {
  const key = open(wrappingKey, wrapped, encodeContext(context))
  if (key?.length !== keyLength) {
    throw cryptoFaults['cannot-unwrap'](
      `A key of type ${context.type} was altered or moved, or belongs to another root key.`,
      { context: { ...context } },
    )
  }
  return key
}

/** C1: a key in the clear is wiped when the function is through with it, whatever happens in it. */
function use(key: Buffer, work: (key: Buffer) => Buffer): Buffer {
  try {
    return work(key)
  } finally {
    zero(key)
  }
}

interface WrappingKeyCache {
  get(path: string): Buffer | undefined
  add(path: string, key: Buffer): Buffer
  clear(): void
}

/** The least recently used is wiped first. A path holds the whole chain, so a hit proves what unwrapping would. */
function createWrappingKeyCache(): WrappingKeyCache {
  const keys = new Map<string, Buffer>()
  return {
    get(path) {
      const key = keys.get(path)
      if (key === undefined) return undefined
      keys.delete(path)
      keys.set(path, key)
      return key
    },
    add(path, key) {
      keys.set(path, key)
      if (keys.size > wrappingKeysMax) {
        const [oldest, oldKey] = keys.entries().next().value!
        keys.delete(oldest)
        zero(oldKey)
      }
      return key
    },
    clear() {
      for (const key of keys.values()) zero(key)
      keys.clear()
    },
  }
}
