/**
 * The thread of `offload.ts`: one call after the other.
 *
 * @module
 */
import { parentPort } from 'node:worker_threads'
import { assert } from '#core/base/assert'
import type { Work } from './offload.ts'

export interface ToThread {
  readonly call: number
  readonly module: string
  readonly name: string
  readonly args: readonly unknown[]
}

export type FromThread = { readonly call: number; readonly result: unknown } | { readonly call: number; readonly error: Error }

const port = parentPort
assert(port !== null, 'J4: what is offloaded runs in a thread of its own')

async function answer({ call, module, name, args }: ToThread): Promise<FromThread> {
  try {
    const exported = (await import(module)) as Readonly<Record<string, Work<readonly unknown[], unknown> | undefined>>
    const work = exported[name]
    assert(work !== undefined, 'J4: work is exported under its name')
    return { call, result: work.run(...args) }
  } catch (error) {
    return { call, error: error instanceof Error ? error : new Error('what was offloaded failed') }
  }
}

function tell(answered: FromThread): void {
  try {
    port?.postMessage(answered)
  } catch {
    // A result, or what an error carries, that no thread can be given. The call is answered all the same.
    const says = 'error' in answered ? `${answered.error.name}: ${answered.error.message}` : 'what it returned cannot be copied'
    port?.postMessage({ call: answered.call, error: new Error(says) } satisfies FromThread)
  }
}

port.on('message', (message: ToThread) => void answer(message).then(tell))
