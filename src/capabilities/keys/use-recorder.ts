/**
 * Use recorder: every verification leaves a record (K10).
 *
 * Uses gather in memory and go to disk as one row a flush. A `durable` use is answered when the flush that carries it is
 * on disk, and the next flush starts when the previous ends, so a disk that takes longer simply carries more at once. A
 * `relaxed` use is answered at once and flushed within 50 ms: that is what a crash can lose.
 *
 * When a flush fails, whoever waits is told, and their uses are dropped: a verification that was not answered is not on
 * record as one that was. Relaxed uses stay and are tried again, under the same id, so that a batch of which it is not
 * known whether it was written (a connection to PostgreSQL that broke) is not written twice.
 *
 * @module
 */
import type { Clock } from '#core/base/clock'
import type { Random } from '#core/base/id'
import { atEndOfTurn } from '#core/http/turn'
import { CommitConflict, emptyCommit } from '#core/storage/commit'
import type { Storage } from '#core/storage/storage'
import { keyFaults } from './faults.ts'
import { useBatchTable } from './tables.ts'
import { useLine, type Use } from './use.ts'

export interface UseRecorder {
  /** Resolves when the use is on disk. @throws Fault keys/use-recording-unavailable */
  durable(use: Use): Promise<void>
  /** Returns at once. @throws Fault keys/use-recording-unavailable when too many already wait */
  relaxed(use: Use): void
  /**
   * The use of a credential of the control plane: never refused, since what takes away must go on when no record can be
   * written. Beyond the bound it is dropped and counted; the audit entry of what was done says by which key.
   */
  controlPlane(use: Use): void
  /** Writes what waits. @throws Fault keys/use-recording-unavailable when that fails */
  flush(): Promise<void>
  /** Uses that wait for the disk. */
  readonly waiting: number
  /** Uses of the control plane that could not be kept. */
  readonly dropped: number
}

const relaxedDelayMs = 50
const retryDelayMs = 250
const waitingMax = 262_144
/** Characters of all lines that wait. One line can name many permissions, so counting lines is not enough. */
const waitingLengthMax = 64 * 1024 * 1024
const batchUsesMax = 8_192
const batchLengthMax = 1024 * 1024
/** Characters that a line of a control-plane credential is counted as, before it is written: it names no permissions. */
const lineLengthTypical = 160
/** Credentials, by outcome and address, that are counted together in one moment. */
const togetherMax = 64

/** Somebody who waits for the use at this position to be on disk. */
interface Waiter {
  readonly position: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

interface Batch {
  readonly id: string
  readonly atMs: number
  readonly lines: readonly string[]
  /** The position of its first line, and of its last. */
  readonly from: number
  readonly to: number
}

export function createUseRecorder(services: { storage: Storage; clock: Clock; random: Random }): UseRecorder {
  const { storage, clock, random } = services
  /** What waits for its first flush, in order. */
  let queue: string[] = []
  /** Uses of control-plane credentials since the last flush: those that differ in nothing but their time are one. */
  const together: { use: Use; count: number; atMs: number }[] = []
  /** The position of the last line that was taken from the queue. */
  let taken = 0
  let waiters: Waiter[] = []
  /** Being written, or to be written again as it is. */
  let pending: Batch | null = null
  let waiting = 0
  let waitingLength = 0
  let dropped = 0
  let flushing: Promise<Error | null> | null = null
  let timer: NodeJS.Timeout | null = null
  /** Somebody has waited for as long as a relaxed use may. */
  let due = false

  const isFull = (line: string): boolean => waiting >= waitingMax || waitingLength + line.length > waitingLengthMax

  function add(line: string): void {
    queue.push(line)
    waiting++
    waitingLength += line.length
  }

  /** Resolves with what went wrong, or null when nobody waits any more who is not to be kept waiting. */
  function start(): Promise<Error | null> {
    flushing ??= drain().finally(() => {
      flushing = null
      if (waiters.length > 0) void start()
    })
    return flushing
  }

  async function drain(): Promise<Error | null> {
    do {
      due = false
      const failure = await writeNext()
      if (failure !== null) {
        schedule(retryDelayMs)
        return failure
      }
    } while (waiters.length > 0 || (due && waiting > 0))
    if (waiting > 0) schedule(relaxedDelayMs)
    return null
  }

  function schedule(delayMs: number): void {
    if (timer !== null) return
    timer = setTimeout(() => {
      timer = null
      due = true
      if (waiting > 0) void start()
    }, delayMs)
    timer.unref()
  }

  async function writeNext(): Promise<Error | null> {
    pending ??= takeBatch()
    if (pending === null) return null
    const batch = pending
    const row = { id: batch.id, version: 1, at_ms: batch.atMs, uses: Buffer.from(batch.lines.join(''), 'latin1') }
    try {
      await storage.commit({ ...emptyCommit, atMs: batch.atMs, writes: [{ kind: 'insert', table: useBatchTable, row }] })
    } catch (error) {
      // Its id is taken by itself: the attempt before had been written after all.
      if (!(error instanceof CommitConflict && error.kind === 'unique')) return fail(batch, error)
    }
    pending = null
    waiting -= batch.lines.length
    waitingLength -= lengthOf(batch.lines)
    answer(batch.to)
    return null
  }

  /** In order, as many as one row may hold. */
  function takeBatch(): Batch | null {
    for (const { use, count, atMs } of together) {
      const line = useLine({ ...use, count, atMs })
      queue.push(line)
      waitingLength += line.length - lineLengthTypical
    }
    together.length = 0
    if (queue.length === 0) return null
    let count = 0
    for (let length = 0; count < queue.length && count < batchUsesMax; count++) {
      length += (queue[count] as string).length
      if (length > batchLengthMax && count > 0) break
    }
    const lines = count === queue.length ? queue : queue.slice(0, count)
    queue = count === queue.length ? [] : queue.slice(count)
    const from = taken + 1
    taken += count
    const atMs = clock.now()
    // Ids begin with the time, and within one with a count, so that batches are cut in the order in which they were written.
    const id = `${String(atMs).padStart(14, '0')}-${String(from).padStart(14, '0')}-${random.base62(8)}`
    return { id, atMs, lines, from, to: taken }
  }

  /** Answers whoever waits for a line up to this one: their own is on disk, whatever comes behind it. */
  function answer(to: number): void {
    let count = 0
    while (count < waiters.length && (waiters[count] as Waiter).position <= to) count++
    const answered = count === waiters.length ? waiters : waiters.slice(0, count)
    waiters = count === waiters.length ? [] : waiters.slice(count)
    for (const waiter of answered) waiter.resolve()
  }

  function fail(batch: Batch, cause: unknown): Error {
    const refused = new Set(waiters.map((waiter) => waiter.position))
    const kept = batch.lines.filter((_, at) => !refused.has(batch.from + at))
    pending = kept.length === 0 ? null : { ...batch, lines: kept }
    queue = queue.filter((_, at) => !refused.has(taken + 1 + at))
    waiting = kept.length + queue.length + together.length
    waitingLength = lengthOf(kept) + lengthOf(queue) + together.length * lineLengthTypical
    const fault = keyFaults['use-recording-unavailable'](unavailable, { cause, retryAfterS: 1 })
    const told = waiters
    waiters = []
    for (const waiter of told) waiter.reject(fault)
    return fault
  }

  return {
    durable(use) {
      const line = useLine(use)
      if (isFull(line)) return Promise.reject(full())
      add(line)
      return new Promise((resolve, reject) => {
        waiters.push({ position: taken + queue.length, resolve, reject })
        // All uses of a turn go in one flush, not the first by itself and the others behind it.
        if (waiters.length === 1) atEndOfTurn(() => void start())
      })
    },
    relaxed(use) {
      const line = useLine(use)
      if (isFull(line)) throw full()
      add(line)
      schedule(relaxedDelayMs)
    },
    controlPlane(use) {
      for (const known of together) {
        if (known.use.keyId !== use.keyId || known.use.code !== use.code || known.use.clientIp !== use.clientIp) continue
        known.count += use.count
        known.atMs = use.atMs
        return
      }
      const isMany = together.length >= togetherMax
      const line = isMany ? useLine(use) : ''
      if (waiting >= waitingMax || waitingLength + Math.max(line.length, lineLengthTypical) > waitingLengthMax) {
        dropped += use.count
        return
      }
      // Past so many they are lines of their own, so that looking for one stays short.
      if (isMany) add(line)
      else {
        together.push({ use, count: use.count, atMs: use.atMs })
        waiting++
        waitingLength += lineLengthTypical
      }
      schedule(relaxedDelayMs)
    },
    async flush() {
      while (waiting > 0) {
        const failure = await start()
        if (failure !== null) throw failure
      }
    },
    get waiting() {
      return waiting
    },
    get dropped() {
      return dropped
    },
  }
}

const unavailable = 'The record of this use cannot be written now, so the key is not verified.'
const full = () => keyFaults['use-recording-unavailable'](unavailable, { retryAfterS: 1 })

const lengthOf = (lines: readonly string[]): number => lines.reduce((length, line) => length + line.length, 0)
