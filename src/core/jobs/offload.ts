/**
 * Offload: pure functions that run in a thread of their own, so that what is done in bulk holds up no request.
 *
 * Invariant J4: whatever a thread does or fails to do, each call is answered once, with what the function returned or threw.
 *
 * @module
 */
import { Worker } from 'node:worker_threads'
import type { FromThread, ToThread } from './offload-thread.ts'

/** A pure function, and where a thread finds it: it is exported there under its name. */
export interface Work<Args extends readonly unknown[], Result> {
  readonly module: string
  readonly name: string
  readonly run: (...args: Args) => Result
}

/** @param module `import.meta.url` of the module that exports it */
export const defineWork = <Args extends readonly unknown[], Result>(module: string, name: string, run: (...args: Args) => Result): Work<Args, Result> =>
  ({ module, name, run })

export interface Offload {
  /**
   * Arguments and result are copied (the structured clone algorithm).
   *
   * @throws what the function throws: with its message, and of JavaScript's own errors with its class; any other is an `Error`
   */
  run<Args extends readonly unknown[], Result>(work: Work<Args, Result>, ...args: Args): Promise<Result>
  /** Refuses what is under way. */
  close(): Promise<void>
}

/** Runs it here and now: for simulations and tests, which need every step to happen at a known moment. */
export const inlineOffload: Offload = {
  run: async (work, ...args) => work.run(...args),
  close: () => Promise.resolve(),
}

/** What a call leaves behind is garbage at once; left to itself the thread's heap would grow to 170 MB before it is collected. */
const resourceLimits = { maxYoungGenerationSizeMb: 12, maxOldGenerationSizeMb: 1_024 } as const
/** A call takes milliseconds. One that never ends would hold up those behind it, and the end of the server. */
const callMaxMs = 60_000

interface Waiting {
  readonly resolve: (result: never) => void
  readonly reject: (error: Error) => void
  readonly overdue: NodeJS.Timeout
}

/** One thread, started when there is something to do, and again when it has died. */
export function createOffload(): Offload {
  const waiting = new Map<number, Waiting>()
  let thread: Worker | null = null
  let calls = 0
  let isClosed = false

  function start(): Worker {
    const worker = new Worker(new URL('./offload-thread.ts', import.meta.url), { resourceLimits })
    worker.unref()
    worker.on('message', (answer: FromThread) => {
      const call = waiting.get(answer.call)
      waiting.delete(answer.call)
      clearTimeout(call?.overdue)
      if ('error' in answer) call?.reject(answer.error)
      else call?.resolve(answer.result as never)
      if (waiting.size === 0) worker.unref()
    })
    worker.on('error', (error) => end(worker, error))
    worker.on('exit', () => end(worker, new Error('the thread has ended')))
    return worker
  }

  function end(worker: Worker, error: Error): void {
    if (thread !== worker) return
    thread = null
    for (const { reject, overdue } of waiting.values()) {
      clearTimeout(overdue)
      reject(error)
    }
    waiting.clear()
  }

  return {
    run: (work, ...args) => new Promise((resolve, reject) => {
      if (isClosed) return reject(new Error('the thread has ended'))
      const worker = (thread ??= start())
      const call = ++calls
      worker.postMessage({ call, module: work.module, name: work.name, args } satisfies ToThread)
      waiting.set(call, { resolve, reject, overdue: setTimeout(() => void worker.terminate(), callMaxMs).unref() })
      // While somebody waits for it, the process does.
      worker.ref()
    }),
    async close() {
      isClosed = true
      await thread?.terminate()
    },
  }
}
