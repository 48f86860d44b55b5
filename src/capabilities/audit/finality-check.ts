/**
 * Finality: what the log says was revoked or erased stays so, whatever the rows say by now.
 *
 * A row and its head, both put back from an older copy of the database, are genuine and agree with each other; only the
 * log knows better. Reading all of it for every row would take too long, but revocations are few and final, so they are
 * looked for in one pass over the log, at the start and after somebody else has written, and a row that was brought back
 * to life is distrusted from then on.
 *
 * Invariant A13: a row that an entry revoked or erased, and that says otherwise, is not relied on.
 *
 * @module
 */
import { sql } from 'kysely'
import type { RowGuard } from '#core/storage/row-guard'
import type { ReadableStorage } from '#core/storage/storage'
import { tables } from '#core/storage/table'
import { decodeEntry } from './entry.ts'
import type { AuditDatabase } from './tables.ts'

export interface FinalityCheck {
  /** One pass over every log. Resolves with the rows that were brought back to life, as `table/id`. */
  run(): Promise<readonly string[]>
}

const entriesPerRead = 512
/** Compared as bytes first: reading every leaf as JSON would cost ten times as much. */
const needles = ['.revoked","', '.erased","'].map((text) => Buffer.from(text, 'utf8'))

export function createFinalityCheck({ storage, guard }: { readonly storage: Pick<ReadableStorage, 'reader'>; readonly guard: RowGuard }): FinalityCheck {
  const reader = storage.reader<AuditDatabase>()

  /** The version of a row that is not revoked; null when it is, or is not there. */
  async function versionAlive(table: string, id: string): Promise<number | null> {
    const result = await sql<{ status: string; version: number }>`SELECT status, version FROM ${sql.table(table)} WHERE id = ${id}`.execute(reader)
    const row = result.rows[0]
    return row === undefined || row.status === 'revoked' ? null : row.version
  }

  return {
    async run() {
      const revived: string[] = []
      let [stream, after] = ['', -1]
      for (;;) {
        const entries = await reader.selectFrom('entries').select(['stream', 'idx', 'leaf'])
          .where(({ eb, refTuple, tuple }) => eb(refTuple('stream', 'idx'), '>', tuple(stream, after)))
          .orderBy('stream').orderBy('idx').limit(entriesPerRead).execute()
        for (const { leaf } of entries) {
          for (const { table, id } of endedBy(leaf)) {
            const version = await versionAlive(table, id)
            if (version === null) continue
            guard.distrust(table, id, version)
            revived.push(`${table}/${id}`)
          }
        }
        const last = entries.at(-1)
        if (last === undefined || entries.length < entriesPerRead) return revived
        stream = last.stream
        after = last.idx
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
  }
}

/** The rows that an entry ended for good; none for any other entry. */
function endedBy(leaf: Uint8Array): readonly { readonly table: string; readonly id: string }[] {
  const bytes = Buffer.from(leaf.buffer, leaf.byteOffset, leaf.byteLength)
  if (!needles.some((needle) => bytes.includes(needle))) return []
  const entry = decodeEntry(leaf)
  if (entry === null || !/\.(revoked|erased)$/.test(entry.event)) return []
  // What an erasure changes beside its subject is not ended by it.
  return entry.rows.filter(({ table, id }) => id === entry.target && tables.get(table)?.columns.has('status') === true)
}
