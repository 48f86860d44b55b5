/**
 * Somebody with the database's file and an editor, who knows no key of ours: rows are given a longer or another life, and
 * after a while put back as they were.
 *
 * @module
 */
import { sql } from 'kysely'
import type { Storage } from '#core/storage/storage'
import type { Thing } from './model.ts'

interface Altered {
  readonly key: Thing
  readonly row: { readonly version: number; readonly status: string; readonly revoked_at_ms: number | null; readonly expires_at_ms: number }
}

const longMs = 3_650 * 86_400_000

export class ForeignHand {
  readonly #real: Storage
  #altered: readonly Altered[] = []

  constructor(real: Storage) {
    this.#real = real
  }

  get hasAltered(): boolean {
    return this.#altered.length > 0
  }

  /** What is over counts again, by its row; what counts goes on for ever. @returns false when we were faster, and wrote it ourselves */
  async alter(key: Thing): Promise<boolean> {
    const reader = this.#real.reader<never>()
    const { rows: [row] } = await sql<Altered['row']>`SELECT version, status, revoked_at_ms, expires_at_ms FROM keys WHERE id = ${key.id}`.execute(reader)
    if (row === undefined) return false
    const { numAffectedRows } = await this.#write(() => sql`UPDATE keys SET status = 'active', revoked_at_ms = NULL, expires_at_ms = ${row.expires_at_ms + longMs}
      WHERE id = ${key.id} AND version = ${row.version}`.execute(reader))
    if (numAffectedRows === 0n) return false
    // What it was altered from before has been written by us since.
    this.#altered = [...this.#altered.filter((before) => before.key !== key), { key, row }]
    return true
  }

  /** The one that was altered first. */
  nextToRestore(): Thing | null {
    return this.#altered[0]?.key ?? null
  }

  /** Puts it back, unless it was written by us since. */
  async restoreOne(): Promise<void> {
    const [altered, ...others] = this.#altered
    if (altered === undefined) return
    this.#altered = others
    const { key, row } = altered
    await this.#write(() => sql`UPDATE keys SET status = ${row.status}, revoked_at_ms = ${row.revoked_at_ms}, expires_at_ms = ${row.expires_at_ms}
      WHERE id = ${key.id} AND version = ${row.version}`.execute(this.#real.reader<never>()))
  }

  /** In memory, reader and writer share a connection, which can write only while a commit is applied. */
  async #write<Result>(write: () => Promise<Result>): Promise<Result> {
    const reader = this.#real.reader<never>()
    await sql`PRAGMA query_only = OFF`.execute(reader)
    const result = await write()
    await sql`PRAGMA query_only = ON`.execute(reader)
    return result
  }
}
