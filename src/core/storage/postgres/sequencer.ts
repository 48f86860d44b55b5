/**
 * Sequencer: gives entries their index in their stream.
 *
 * A commit leaves its entries in `entries_pending`, where a sequence numbers them (`seq`). Transactions become visible
 * in another order than they drew their numbers, so `seq` cannot be the index. A pass moves what it can see into
 * `entries`, ordered by `seq`, numbering on from each stream's last index. Any server may run it, and all of them do.
 *
 * Invariant S4: indexes are dense, each is given once, and an entry that was acknowledged before another's commit began
 * has the lower one.
 *
 * - Fenced: a pass is one transaction whose first statement updates the one row of `sequencer`. A second pass waits
 *   there until the first has ended, and its next statement takes a fresh snapshot (READ COMMITTED), so it sees all
 *   that was moved. It is also one message: a server that is suspended has either not sent it or no part in it any
 *   more. `epoch` counts how often the work changed hands.
 * - Dense, once: moving is deleting and inserting in one statement, and (stream, idx) is the primary key.
 * - Ordered: let A be acknowledged before B's commit began. A was visible before B drew its `seq`. The pass that moves
 *   B sees B, hence A, unless an earlier pass has moved A, which then has a lower index. If the pass sees both, A drew
 *   its `seq` before B did and has the lower one; and a pass takes the lowest `seq` first, so one that moves B moves A.
 *
 * @module
 */
import type { Pool } from 'pg'

/** How often an idle server looks for entries that another left behind. */
const pollMs = 100
const entriesPerPass = 10_000

export interface Sequencer {
  /** There may be something to do. */
  nudge(): void
  /** Stops after the pass that is under way. */
  close(): Promise<void>
}

export interface SequencerOptions {
  readonly pool: Pool
  /** Tells servers apart: letters, digits and `_` only, since it stands in the statement as it is. */
  readonly holder: string
  /** Told the highest time that any commit is known to have carried. */
  readonly onTime: (highestMs: number) => void
}

interface PassResult {
  readonly value: number
  readonly moved: number
}

export function startSequencer({ pool, holder, onTime }: SequencerOptions): Sequencer {
  const statements = passSql(holder)
  let running: Promise<void> | null = null
  let again = false
  let closed = false

  async function pass(): Promise<boolean> {
    const waiting = await pool.query(anythingWaits)
    if (waiting.rowCount === 0) return false
    // Several statements without parameters are one message, one transaction, and an array of results.
    const results = (await pool.query(statements)) as unknown as readonly { rows: readonly PassResult[] }[]
    const result = results.at(-1)?.rows[0]
    if (result !== undefined) onTime(result.value)
    return (result?.moved ?? 0) === entriesPerPass
  }

  async function run(): Promise<void> {
    do {
      again = false
      try {
        again = (await pass()) || again
      } catch {
        // Entries wait where they are and the next poll tries again; what ails the database, commits report.
        return
      }
    } while (again && !closed)
  }

  function nudge(): void {
    if (closed) return
    if (running !== null) {
      again = true
      return
    }
    running = run().finally(() => (running = null))
  }

  const polling = setInterval(nudge, pollMs).unref()
  return {
    nudge,
    async close() {
      closed = true
      clearInterval(polling)
      await running
    },
  }
}

const anythingWaits = 'SELECT 1 WHERE EXISTS (SELECT FROM entries_pending) OR EXISTS (SELECT FROM time_marks)'

const passSql = (holder: string): string => `
  UPDATE sequencer SET holder = '${holder}', epoch = epoch + (CASE WHEN holder = '${holder}' THEN 0 ELSE 1 END)
  WHERE id = 1;
  WITH marks AS (DELETE FROM time_marks RETURNING at_ms),
  batch AS (
    DELETE FROM entries_pending WHERE seq IN (SELECT seq FROM entries_pending ORDER BY seq LIMIT ${entriesPerPass})
    RETURNING *
  ),
  lasts AS (
    SELECT stream, coalesce((SELECT max(idx) FROM entries WHERE entries.stream = streams.stream), -1) AS idx
    FROM (SELECT DISTINCT stream FROM batch) AS streams
  ),
  moved AS (
    INSERT INTO entries (stream, idx, id, at_ms, target, leaf, details)
    SELECT stream, lasts.idx + row_number() OVER (PARTITION BY stream ORDER BY seq), id, at_ms, target, leaf, details
    FROM batch JOIN lasts USING (stream)
    RETURNING at_ms
  )
  UPDATE meta SET value = greatest(value, (SELECT max(at_ms) FROM marks), (SELECT max(at_ms) FROM moved))
  WHERE id = 'highest-time-ms' RETURNING value, (SELECT count(*) FROM moved) AS moved`
