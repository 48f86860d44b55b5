/**
 * Writers: how planned commits get to the applier. One in a thread of its own, so that the event loop never waits for a
 * disk; one in process, for simulations and tests, which need every step to happen at a known moment.
 *
 * @module
 */
import type { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { assert } from '#core/base/assert'
import type { Failure } from '../failure.ts'
import type { CommitPlan } from '../plan.ts'
import type { Statement } from '../sql.ts'
import { createApplier, type Applier, type Outcome } from './applier.ts'
import { inMemory } from './database.ts'
import { messageOf } from './errors.ts'
import { FrameEncoder } from './frame.ts'
import { holdFiles, onHeldFiles } from './held-files.ts'
import { withReserve } from './reserve.ts'
import type { FromWorker, ToWorker, WriterData } from './writer-worker.ts'

/** How often an idle writer looks whether somebody else has written. */
const pollMs = 200
/** A batch is sent when it has so many commits, or its first has waited so long, or the turn ends. */
const batchMax = 64
const batchMs = 1

export interface WriterEvents {
  /** A commit was applied and is durable, or was not applied. Called in the order in which commits were written. */
  readonly onOutcome: (outcome: Outcome) => void
  readonly onForeignWrite: () => void
}

export interface Writer {
  write(plan: CommitPlan): void
  /** Why nothing can be written now, or null. */
  broken(): Failure | null
  /** Closes, once every outcome has been told. */
  close(): Promise<void>
}

/**
 * Applies commits on `database`, on which the caller also reads. Between flushes the connection cannot write.
 */
export function createInlineWriter(database: DatabaseSync, path: string, events: WriterEvents): Writer {
  const plain = createApplier(database, events)
  const applier: Applier = path === inMemory ? plain : withReserve(onHeldFiles(plain, holdFiles(path, database, plain), events.onForeignWrite), `${path}.reserve`)
  const polling = setInterval(() => {
    if (applier.sawForeignWrite()) events.onForeignWrite()
    applier.finishErasures()
  }, pollMs).unref()
  database.exec('PRAGMA query_only = ON')
  return {
    write(plan) {
      database.exec('PRAGMA query_only = OFF')
      applier.apply([plan])
      const [outcome] = applier.finish()
      database.exec('PRAGMA query_only = ON')
      assert(outcome !== undefined, 'S2: a flush answers for each of its commits')
      events.onOutcome(outcome)
    },
    broken: () => null,
    close() {
      clearInterval(polling)
      return Promise.resolve()
    },
  }
}

/**
 * Applies commits in a worker thread. They are sent in batches: what one turn of the event loop brings, cut where it is
 * long, so that the first are on their way to the disk while the turn still brings the next. Without that, the event loop
 * and the disk take turns, and either waits half of the time.
 */
export function createThreadWriter(path: string, events: WriterEvents): Writer {
  const data: WriterData = { path, pollMs }
  const worker = new Worker(new URL('./writer-worker.ts', import.meta.url), { workerData: data, resourceLimits: { maxYoungGenerationSizeMb: 12 } })
  const outbox = createOutbox()
  let unanswered = 0
  let inTurn = false
  let batchBeganMs = 0
  let broken: Failure | null = null
  let displaced: Failure | null = null

  function send(): void {
    if (broken !== null || outbox.size() === 0) return
    const message: ToWorker = outbox.take()
    worker.postMessage(message, [message.frame])
  }

  function endTurn(): void {
    inTurn = false
    send()
  }

  function settle(outcome: Outcome): void {
    unanswered -= 1
    events.onOutcome(outcome)
  }

  function settleFlush({ commits, indexes, failures }: Extract<FromWorker, { kind: 'flushed' }>): void {
    let next = 0
    for (const [position, count] of commits.entries()) {
      settle(failures.get(position) ?? Array.from(indexes.subarray(next, next + count)))
      next += count
    }
  }

  function breakDown(message: string): void {
    broken ??= { kind: 'unavailable', message }
    if (unanswered === 0) return
    while (unanswered > 0) settle(broken)
    // Some may have been applied, and nobody was told of it: what is held in memory cannot be relied on.
    events.onForeignWrite()
  }

  worker.on('message', (message: FromWorker) => {
    if (message.kind === 'flushed') settleFlush(message)
    else if (message.kind === 'displaced') displaced = message.failure
    else events.onForeignWrite()
  })
  worker.on('error', (error) => breakDown(messageOf(error)))
  const ended = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      breakDown('the writer has ended')
      resolve()
    })
  })

  return {
    write(plan) {
      unanswered += 1
      if (broken !== null) return settle(broken)
      const nowMs = performance.now()
      if (outbox.size() === 0) batchBeganMs = nowMs
      outbox.add(plan)
      if (outbox.size() === batchMax || nowMs - batchBeganMs >= batchMs) send()
      if (!inTurn) setImmediate(endTurn)
      inTurn = true
    },
    broken: () => broken ?? displaced,
    close() {
      send()
      worker.postMessage('close' satisfies ToWorker)
      return ended
    },
  }
}

/** Plans that wait to be sent, and what the worker knows of their statements. */
function createOutbox() {
  const encoder = new FrameEncoder()
  const numbers = new Map<Statement, number>()
  let untold: Statement[] = []
  let waiting: CommitPlan[] = []

  function numberOf(statement: Statement): number {
    let number = numbers.get(statement)
    if (number === undefined) {
      number = numbers.size
      numbers.set(statement, number)
      untold.push(statement)
    }
    return number
  }

  return {
    size: () => waiting.length,
    add: (plan: CommitPlan) => void waiting.push(plan),
    take() {
      const frame = encoder.encode(waiting, numberOf)
      const message = { frame, statements: untold }
      untold = []
      waiting = []
      return message
    },
  }
}
