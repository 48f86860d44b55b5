/**
 * Look-ups in ordered logs by id and by target.
 *
 * Ids and targets are random, and a plain index over them would dirty a page of its own for every entry: six times
 * fewer entries a second, measured at 300,000. So both indexes are cut into runs of 2,048 entries: new entries touch
 * the few pages of their stream's last run, and a look-up probes the stream's runs, newest first, until it has enough.
 * At a million entries that is 500 probes at most, 1 to 4 ms.
 *
 * @module
 */
import { sql, type Kysely } from 'kysely'
import type { ReadableStorage } from './storage.ts'

/** A run holds the entries whose indexes agree but for this many low bits. Part of the schema: never changes. */
export const runBits = 11
const runLength = 2 ** runBits
/** Windows of runs grow from one, so that what is new is found at once and what is old in few queries. */
const windowMax = 256

/** An entry as it is stored. */
export interface StoredEntry {
  readonly stream: string
  readonly idx: number
  readonly id: string
  readonly at_ms: number
  readonly target: string
  readonly leaf: Uint8Array
  readonly details: Uint8Array
}

interface Search {
  readonly stream: string
  readonly by: 'id' | 'target'
  readonly value: string
  /** Only entries below this index. */
  readonly before: number
  readonly limit: number
}

/** The entry with this id, if it is in this log. */
export async function findEntry(reader: Kysely<never>, stream: string, id: string): Promise<StoredEntry | null> {
  const before = await lengthOf(reader, stream)
  const [found] = await search(reader, { stream, by: 'id', value: id, before, limit: 1 })
  return found ?? null
}

/** Whether an entry is committed and still waits for its index. Never so on SQLite, which gives it in the commit. */
export async function isPending(storage: ReadableStorage, stream: string, id: string): Promise<boolean> {
  if (storage.engine === 'sqlite') return false
  const result = await sql`SELECT 1 FROM entries_pending WHERE stream = ${stream} AND id = ${id} LIMIT 1`.execute(storage.reader<never>())
  return result.rows.length > 0
}

/** The newest `limit` entries about a target, newest first; `before`: only those with a lower index. */
export async function entriesOfTarget(
  reader: Kysely<never>, stream: string, target: string, options: { readonly before?: number; readonly limit: number },
): Promise<readonly StoredEntry[]> {
  const length = await lengthOf(reader, stream)
  const before = Math.min(options.before ?? length, length)
  return search(reader, { stream, by: 'target', value: target, before, limit: options.limit })
}

/** How many entries a log has. */
export async function lengthOf(reader: Kysely<never>, stream: string): Promise<number> {
  const result = await sql<{ length: number }>`SELECT coalesce(max(idx) + 1, 0) AS length FROM entries
    WHERE stream = ${stream}`.execute(reader)
  return result.rows[0]?.length ?? 0
}

async function search(reader: Kysely<never>, { stream, by, value, before, limit }: Search): Promise<StoredEntry[]> {
  const found: StoredEntry[] = []
  let run = Math.floor((before - 1) / runLength)
  for (let window = 1; run >= 0 && found.length < limit; window = Math.min(window * 2, windowMax)) {
    const runs = Array.from({ length: Math.min(window, run + 1) }, (_, back) => run - back)
    // `<> ''` lets the partial index over targets be used; `+idx` keeps the planner from walking the log in order.
    const result = await sql<StoredEntry>`SELECT * FROM entries
      WHERE stream = ${stream} AND (idx >> ${sql.lit(runBits)}) IN (${sql.join(runs)})
      AND ${sql.ref(by)} = ${value} AND ${sql.ref(by)} <> '' AND +idx < ${before}
      ORDER BY +idx DESC LIMIT ${limit - found.length}`.execute(reader)
    found.push(...result.rows)
    run -= runs.length
    // SQLite answers at once, and a long log has many runs: others get their turn between two windows.
    if (run >= 0) await new Promise((resolve) => setImmediate(resolve))
  }
  return found
}
