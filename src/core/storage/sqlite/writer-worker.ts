/**
 * The writer's thread: applies what comes, and answers once it is durable.
 *
 * @module
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { assert } from '#core/base/assert'
import type { Failure } from '../failure.ts'
import type { Statement } from '../sql.ts'
import { createApplier, isFailure } from './applier.ts'
import { openWritable } from './database.ts'
import { decodeFrame } from './frame.ts'
import { holdFiles, onHeldFiles } from './held-files.ts'
import { withReserve } from './reserve.ts'

export type ToWorker =
  | {
      /** Commits to apply. */
      readonly frame: ArrayBuffer
      /** Statements that were not told before; they take the next numbers. */
      readonly statements: readonly Statement[]
    }
  | 'close'

export type FromWorker =
  | {
      readonly kind: 'flushed'
      /** For each commit, how many indexes it has. */
      readonly commits: Uint32Array
      /** The indexes of all entries that were applied, in order. */
      readonly indexes: Float64Array
      /** By position in the flush: what was not applied. */
      readonly failures: ReadonlyMap<number, Failure>
    }
  | { readonly kind: 'foreign-write' }
  /** Whether the database's files are still there has changed: why not, or null. */
  | { readonly kind: 'displaced'; readonly failure: Failure | null }

export interface WriterData {
  readonly path: string
  readonly pollMs: number
}

const port = parentPort
assert(port !== null, 'S9: the writer runs in a thread of its own')
const { path, pollMs } = workerData as WriterData
const database = openWritable(path)
const tell = (message: FromWorker): void => port.postMessage(message)
const foreignWrite = (): void => tell({ kind: 'foreign-write' })
const plain = createApplier(database, { onForeignWrite: foreignWrite })
const files = holdFiles(path, database, plain)
const applier = withReserve(onHeldFiles(plain, files, foreignWrite), `${path}.reserve`)
let wasDisplaced = false
const statements: Statement[] = []

function finish(): void {
  const outcomes = applier.finish()
  if (outcomes.length === 0) return
  const commits = new Uint32Array(outcomes.length)
  const indexes: number[] = []
  const failures = new Map<number, Failure>()
  for (const [position, outcome] of outcomes.entries()) {
    if (isFailure(outcome)) {
      failures.set(position, outcome)
    } else {
      commits[position] = outcome.length
      indexes.push(...outcome)
    }
  }
  tell({ kind: 'flushed', commits, indexes: Float64Array.from(indexes), failures })
}

const received = (): ToWorker | undefined => (receiveMessageOnPort(port) as { message: ToWorker } | undefined)?.message

/** A flush takes what waits, and what comes while that is applied. So whatever came while the disk was busy shares the next `fsync`. */
port.on('message', (first: ToWorker) => {
  let message: ToWorker | undefined = first
  for (; message !== undefined && message !== 'close'; message = received()) {
    statements.push(...message.statements)
    applier.apply(decodeFrame(message.frame, statements))
  }
  finish()
  if (message !== 'close') return
  clearInterval(polling)
  files.displaced()
  database.close()
  port.close()
})

const polling = setInterval(() => {
  if (applier.sawForeignWrite()) foreignWrite()
  applier.finishErasures()
  const failure = files.displaced()
  if ((failure !== null) !== wasDisplaced) tell({ kind: 'displaced', failure })
  wasDisplaced = failure !== null
}, pollMs)
