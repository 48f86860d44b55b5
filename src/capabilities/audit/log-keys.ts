/**
 * The keys of each log: what signs its checkpoints, and what anybody checks them with.
 *
 * Invariant A2: a checkpoint is signed by the log's Ed25519 key and by its ML-DSA-44 key, or not at all. Asserted when
 * it is signed, and by `open` whenever one is read back.
 *
 * @module
 */
import { createNoteOpener, formatCheckpoint, messageToSign, parseCheckpoint, signatureLine, verifierKey, type Checkpoint } from '@claviger/verifier'
import { assert } from '#core/base/assert'
import { logKey, type Keyring } from '#core/keyring/keyring'

export const logAlgorithms = ['ed25519', 'ml-dsa-44'] as const
export type LogAlgorithm = (typeof logAlgorithms)[number]

/** First line of a log's checkpoints, and the name of its keys. */
export const originOf = (workspaceId: string): string => `claviger/${workspaceId}`

export interface LogVerifierKey {
  readonly algorithm: LogAlgorithm
  /** C2SP signed-note verifier key. */
  readonly verifierKey: string
}

export interface LogKeys {
  verifierKeys(workspaceId: string): Promise<readonly LogVerifierKey[]>
  /** The checkpoint of a signed note, or null when it is not one of this log's, signed by both keys. */
  open(workspaceId: string, note: string): Promise<Checkpoint | null>
  /** The signed note. @throws Fault crypto/key-process-unavailable */
  sign(workspaceId: string, tree: { readonly size: number; readonly root: Buffer }, atMs: number): Promise<string>
}

interface KnownKeys {
  readonly publicKeys: readonly Buffer[]
  readonly verifierKeys: readonly LogVerifierKey[]
  readonly openNote: ReturnType<typeof createNoteOpener>
}

/** They never change, so they are kept: about 8 KB a log. */
const knownLogsMax = 1_024

export function createLogKeys(keyring: Keyring): LogKeys {
  const known = new Map<string, KnownKeys>()

  async function keysOf(workspaceId: string): Promise<KnownKeys> {
    const found = known.get(workspaceId)
    if (found !== undefined) return found
    const publicKeys = await Promise.all(logAlgorithms.map((algorithm) => keyring.publicKey(logKey(`log-${algorithm}`, workspaceId))))
    const verifierKeys = logAlgorithms.map((algorithm, at) => ({
      algorithm, verifierKey: verifierKey(originOf(workspaceId), algorithm, publicKeys[at] as Buffer),
    }))
    const keys = { publicKeys, verifierKeys, openNote: createNoteOpener(verifierKeys.map((key) => key.verifierKey)) }
    if (known.size >= knownLogsMax) known.delete(known.keys().next().value as string)
    known.set(workspaceId, keys)
    return keys
  }

  async function open(workspaceId: string, note: string): Promise<Checkpoint | null> {
    const { openNote } = await keysOf(workspaceId)
    const opened = openNote(note)
    if (opened === null || opened.verified.length !== logAlgorithms.length) return null
    const checkpoint = parseCheckpoint(opened.body)
    return checkpoint?.origin === originOf(workspaceId) ? checkpoint : null
  }

  return {
    open,
    async verifierKeys(workspaceId) {
      return (await keysOf(workspaceId)).verifierKeys
    },
    async sign(workspaceId, { size, root }, atMs) {
      const { publicKeys } = await keysOf(workspaceId)
      const name = originOf(workspaceId)
      const body = formatCheckpoint({ origin: name, size, root })
      const atS = Math.floor(atMs / 1000)
      const lines = await Promise.all(
        logAlgorithms.map(async (algorithm, at) => {
          const signature = await keyring.sign(logKey(`log-${algorithm}`, workspaceId), messageToSign(algorithm, { name, body, atS }))
          return signatureLine({ name, algorithm, publicKey: publicKeys[at] as Buffer, signature, atS })
        }),
      )
      const note = `${body}\n${lines.join('')}`
      const signed = await open(workspaceId, note)
      assert(signed?.size === size && signed.root.equals(root), 'A2: what was signed verifies under both keys')
      return note
    },
  }
}
