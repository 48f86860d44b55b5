/**
 * Passes: when to publish which logs. Many commits are one pass, and a log that waits holds up no other.
 *
 * Where this process is the only writer, its own commits say which logs grew. Where there are several servers, each pass
 * looks for logs that grew, so that what one left behind another publishes.
 *
 * @module
 */
import { sql } from 'kysely'
import type { Storage } from '#core/storage/storage'
import type { AuditDatabase } from './tables.ts'

/** From a commit to the pass that publishes it, and between passes. */
const paceMs = 500
/** The same where others write too, who do not tell. */
const pollMs = 250
/** Looking for logs that grew may take a twentieth of the time. */
const pollShare = 20
/** Until what failed is tried again. */
const retryMs = 1_000
/** Logs published at the same time: they wait for the key process and the disk, not for each other. */
const concurrency = 8

export interface Passes {
  /** These logs grew. */
  grew(logs: Iterable<string>): void
  /** Any log may have grown: look. */
  look(): void
  /** Resolves when the pass under way has ended and one last has been made. */
  finish(): Promise<void>
}

export interface PassesOptions {
  readonly storage: Storage
  /** Publishes one log. Never throws. */
  readonly publish: (workspaceId: string) => Promise<void>
  /** Logs to try again, and logs to leave alone. */
  readonly delayed: ReadonlySet<string>
  readonly refused: { has(workspaceId: string): boolean }
}

export function createPasses({ storage, publish, delayed, refused }: PassesOptions): Passes {
  const grown = new Set<string>()
  let mustLook = false
  let timer: NodeJS.Timeout | null = null
  let running: Promise<void> | null = null
  let finished = false

  async function pass(): Promise<void> {
    const logs = new Set([...grown, ...delayed])
    grown.clear()
    if (mustLook || !storage.exclusive) {
      mustLook = false
      try {
        for (const workspaceId of await logsThatGrew(storage)) logs.add(workspaceId)
      } catch {
        // The database is away; what ails it, commits report. The next pass looks again.
        mustLook = true
      }
    }
    const waiting = [...logs].filter((workspaceId) => !refused.has(workspaceId))
    await Promise.all(Array.from({ length: concurrency }, async () => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await publish(next)
    }))
  }

  function schedule(delayMs: number): void {
    if (finished || timer !== null || running !== null) return
    timer = setTimeout(() => {
      timer = null
      const beganMs = performance.now()
      running = pass().finally(() => {
        running = null
        scheduleNext(performance.now() - beganMs)
      })
    }, delayMs).unref()
  }

  function scheduleNext(tookMs: number): void {
    if (mustLook || delayed.size > 0) schedule(retryMs)
    else if (!storage.exclusive) schedule(Math.max(pollMs, tookMs * pollShare))
    else if (grown.size > 0) schedule(paceMs)
  }

  return {
    grew(logs) {
      for (const workspaceId of logs) grown.add(workspaceId)
      schedule(storage.exclusive ? paceMs : pollMs)
    },
    look() {
      mustLook = true
      schedule(0)
    },
    async finish() {
      finished = true
      if (timer !== null) clearTimeout(timer)
      await running
      await pass()
    },
  }
}

/** Logs with entries beyond their head. Skips from log to log in the index, however many entries each has. */
async function logsThatGrew(storage: Storage): Promise<readonly string[]> {
  const result = await sql<{ stream: string }>`WITH RECURSIVE streams (stream) AS (
      SELECT min(stream) FROM entries
      UNION ALL
      SELECT (SELECT min(stream) FROM entries WHERE entries.stream > streams.stream) FROM streams WHERE streams.stream IS NOT NULL
    )
    SELECT stream FROM (
      SELECT stream, (SELECT max(idx) FROM entries WHERE entries.stream = streams.stream) AS last_index,
        coalesce((SELECT size FROM log_heads WHERE log_heads.id = streams.stream), 0) AS size
      FROM streams WHERE stream IS NOT NULL
    ) AS lengths WHERE last_index >= size`.execute(storage.reader<AuditDatabase>())
  return result.rows.map((row) => row.stream)
}
