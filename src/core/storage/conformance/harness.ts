/**
 * What the parts of the suite share: the tables they write to, and short ways to say what they commit.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { CommitConflict, emptyCommit } from '../commit.ts'
import type { Commit, Committed, LogAppend, RowWrite, Seal } from '../commit.ts'
import type { StoredRow } from '../row-guard.ts'
import { guardColumns, type Migration, type Storage } from '../storage.ts'
import { defineTable, type RowBase } from '../table.ts'

/** A database that is made for one test. */
export interface TestStore {
  /** Opens it, once or, where several servers may, more often; what is still open at the end is closed. */
  open(migrations?: readonly Migration[]): Promise<Storage>
  drop(): Promise<void>
}

/** Registers one guarantee, with a database of its own. */
export type Guarantee = (sentence: string, run: (store: TestStore) => Promise<void>) => void

export interface BoxRow extends RowBase {
  readonly label: string
  readonly size: number | null
  readonly content: Uint8Array | null
  readonly facts: string | null
}

export interface CounterRow extends RowBase {
  readonly hits: number | null
  readonly last_ms: number | null
  readonly note: string | null
}

export interface DoorRow extends RowBase {
  readonly label: string
}

interface EntryRow {
  readonly stream: string
  readonly idx: number
  readonly id: string
  readonly at_ms: number
  readonly target: string
  readonly leaf: Uint8Array
  readonly details: Uint8Array
}

export interface TestTables {
  readonly boxes: BoxRow
  readonly counters: CounterRow
  readonly doors: StoredRow<DoorRow>
  readonly row_heads: { readonly id: string; readonly version: number; readonly digest: string }
  readonly entries: EntryRow
}

export const boxTable = defineTable<BoxRow>('boxes', {
  columns: { label: 'text', size: 'integer', content: 'blob', facts: 'json' },
})
export const counterTable = defineTable<CounterRow>('counters', {
  columns: { hits: { type: 'integer', merge: 'sum' }, last_ms: { type: 'integer', merge: 'max' }, note: 'text' },
})
export const doorTable = defineTable<DoorRow>('doors', { guarded: true, columns: { label: 'text' } })

export const testMigration: Migration = {
  id: 'test/0001-tables',
  statements: (types) => {
    const { text, integer, blob } = types
    const row = `id ${text} PRIMARY KEY, version ${integer} NOT NULL`
    return [
      `CREATE TABLE boxes (${row}, label ${text} NOT NULL, size ${integer}, content ${blob}, facts ${text})`,
      `CREATE UNIQUE INDEX boxes_label ON boxes (label)`,
      `CREATE TABLE counters (${row}, hits ${integer}, last_ms ${integer}, note ${text})`,
      `CREATE TABLE doors (${row}, ${guardColumns(types)}, label ${text} NOT NULL)`,
    ]
  },
}

export const box = (id: string, version = 1, more: Partial<BoxRow> = {}): BoxRow => ({
  id, version, label: `label of ${id}`, size: null, content: null, facts: null, ...more,
})
export const insertBox = (id: string, more: Partial<BoxRow> = {}): RowWrite => ({
  kind: 'insert', table: boxTable, row: box(id, 1, more),
})
export const updateBox = (id: string, version: number, more: Partial<BoxRow> = {}): RowWrite => ({
  kind: 'update', table: boxTable, row: box(id, version, more),
})
export const deleteBox = (id: string, version: number): RowWrite => ({ kind: 'delete', table: boxTable, id, version })
export const boxIs = (id: string, version: number) => ({ table: boxTable, id, version })
export const seal = (byte: number): Seal => ({
  salt: Buffer.alloc(16, byte), mac: Buffer.alloc(32, byte), digest: Buffer.alloc(32, byte),
})
export const entry = (id: string, more: Partial<LogAppend> = {}): LogAppend => ({
  stream: 'wsp_a', id, atMs: 1_000, target: '', leaf: Buffer.from(`leaf of ${id}`), details: Buffer.alloc(0), ...more,
})
export const commitOf = (parts: Partial<Commit>): Commit => ({ ...emptyCommit, atMs: 1_000, ...parts })
export const put = (storage: Storage, parts: Partial<Commit>): Promise<Committed> => storage.commit(commitOf(parts))

export const boxesOf = (storage: Storage): Promise<BoxRow[]> =>
  storage.reader<TestTables>().selectFrom('boxes').selectAll().orderBy('id').execute()

/** Entries in order, once there are as many; on PostgreSQL the sequencer comes by a moment later. */
export async function entriesOf(storage: Storage, count: number): Promise<EntryRow[]> {
  const query = storage.reader<TestTables>().selectFrom('entries').selectAll().orderBy('stream').orderBy('idx')
  for (const deadline = Date.now() + 5_000; ; ) {
    const rows = await query.execute()
    if (rows.length >= count || Date.now() > deadline) return rows
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export const conflict = (kind: CommitConflict['kind'], table: string, constraint = '') => (error: unknown) => {
  assert.ok(error instanceof CommitConflict, String(error))
  assert.deepEqual([error.kind, error.table, error.constraint], [kind, table, constraint])
  return true
}
