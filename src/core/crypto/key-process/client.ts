import { assert } from '#core/base/assert'
import type { Random } from '#core/base/id'
import { cryptoFaults } from '../faults.ts'
import type { KeyContext, WrappedKey } from '../key-context.ts'
import { systemRandom } from '../random.ts'
import type { Isolation } from './isolation.ts'
import { createKeeper } from './keeper.ts'
import type { KeyCommand } from './protocol.ts'
import { supervise } from './supervisor.ts'
import type { SupervisorOptions } from './supervisor.ts'

export type { Isolation, WrappedKey }
export type { KeyProcessEvent } from './supervisor.ts'

/**
 * The one holder of the root key. A chain is the key and all above it, parent before child, without the root.
 *
 * Every operation is safe to repeat. Each may fail with Fault `crypto/key-process-unavailable` (try again later),
 * `crypto/cannot-unwrap` (altered, moved, other root key) and `crypto/not-permitted` (a bug of ours, or an attack).
 */
export interface KeyProcess {
  /** A new random key, wrapped under the last of `parents` (or the root, when there are none): 61 bytes. */
  createKey(request: { readonly context: KeyContext; readonly parents: readonly WrappedKey[] }): Promise<Buffer>
  /** The 32 bytes of an exportable key; the caller's to wipe. */
  exportKey(request: { readonly chain: readonly WrappedKey[] }): Promise<Buffer>
  /**
   * 32 bytes derived from the chain's last key under one of its type's labels: HKDF over label, version (0 to 2³² - 1;
   * another version, other bytes) and the key's context. The caller's to wipe.
   */
  derive(request: {
    readonly chain: readonly WrappedKey[]
    readonly label: string
    readonly version: number
  }): Promise<Buffer>
  /** A signature over the message by the algorithm of the key's type. */
  sign(request: { readonly chain: readonly WrappedKey[]; readonly message: Uint8Array }): Promise<Buffer>
  /** The raw public key of a signing key. */
  publicKey(request: { readonly chain: readonly WrappedKey[] }): Promise<Buffer>
  /** Resolves when the key process answers. */
  ping(): Promise<void>
  readonly isolation: Isolation
  readonly pid: number
  /** Ends the process. Requests under way fail. */
  close(): Promise<void>
}

/** Sends a command and brings the answer: in this process or over a pipe. */
type Ask = (command: KeyCommand) => Promise<Buffer>

function operationsOver(ask: Ask): Omit<KeyProcess, 'isolation' | 'pid' | 'close'> {
  return {
    createKey: ({ context, parents }) => ask({ operation: 'createKey', context, parents }),
    exportKey: ({ chain }) => ask({ operation: 'exportKey', chain }),
    derive: ({ chain, label, version }) => ask({ operation: 'derive', chain, label, version }),
    sign: ({ chain, message }) => ask({ operation: 'sign', chain, message }),
    publicKey: ({ chain }) => ask({ operation: 'publicKey', chain }),
    ping: async () => void (await ask({ operation: 'ping' })),
  }
}

/**
 * Starts the key process and keeps it running: when it dies it is started again and what was under way is asked again.
 *
 * @throws Fault `crypto/root-key-refused`, `crypto/root-key-damaged` (their details name the cure), and
 *   `crypto/key-process-unavailable` when the program does not start
 */
export async function startKeyProcess(options: SupervisorOptions): Promise<KeyProcess> {
  const supervisor = await supervise(options)
  return {
    ...operationsOver(supervisor.ask),
    get isolation() {
      return supervisor.isolation()
    },
    get pid() {
      return supervisor.pid()
    },
    close: supervisor.close,
  }
}

/**
 * A key process without the process, for tests and simulation: the same keeper behind the same interface.
 *
 * @param rootKey 32 bytes; not changed
 */
export function createInlineKeyProcess(rootKey: Uint8Array, random: Random = systemRandom): KeyProcess {
  assert(rootKey.length === 32, 'C5: a root key has 32 bytes')
  const keeper = createKeeper(rootKey, random)
  let closed = false
  const ask: Ask = async (command) => {
    if (closed) throw cryptoFaults['key-process-unavailable']('The key process is closed.')
    return keeper.answer(command)
  }
  return {
    ...operationsOver(ask),
    isolation: {
      uid: false,
      network: false,
      coreDumps: false,
      inspector: false,
      reasons: ['The keys are held by the process that uses them, which is for tests and simulation only.'],
    },
    pid: process.pid,
    async close() {
      closed = true
      keeper.close()
    },
  }
}
