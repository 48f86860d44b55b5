import { runBits } from './entry-lookup.ts'
import type { Migration } from './storage.ts'

/**
 * The storage's own tables: `entries` of ordered logs (indexed in runs, see `entry-lookup.ts`; that an entry's id is
 * unique is left to its 95 random bits), `row_heads`, which say what the newest version of a guarded row is, and `meta`
 * with the highest time committed.
 */
export const coreMigration: Migration = {
  id: 'storage/0001-core',
  statements: ({ engine, text, integer, blob }) => {
    const entry = `id ${text} NOT NULL, at_ms ${integer} NOT NULL, target ${text} NOT NULL,
      leaf ${blob} NOT NULL, details ${blob} NOT NULL`
    // Clustered by id where SQLite can: one B-tree to write instead of a table and its index.
    const clustered = engine === 'sqlite' ? ' WITHOUT ROWID' : ''
    return [
      `CREATE TABLE meta (id ${text} PRIMARY KEY, value ${integer} NOT NULL)`,
      `INSERT INTO meta (id, value) VALUES ('highest-time-ms', 0)`,
      `CREATE TABLE row_heads (id ${text} PRIMARY KEY, version ${integer} NOT NULL,
        digest ${text} NOT NULL)${clustered}`,
      `CREATE TABLE entries (stream ${text} NOT NULL, idx ${integer} NOT NULL, ${entry}, PRIMARY KEY (stream, idx))`,
      `CREATE INDEX entries_id ON entries (stream, (idx >> ${runBits}), id)`,
      `CREATE INDEX entries_target ON entries (stream, (idx >> ${runBits}), target, idx) WHERE target <> ''`,
      ...(engine === 'postgres' ? sequencing(text, integer, entry) : []),
    ]
  },
}

/** PostgreSQL: where entries wait for their index, whose turn it is to give it, and times that no entry carries. */
const sequencing = (text: string, integer: string, entry: string): readonly string[] => [
  `CREATE TABLE entries_pending (seq BIGSERIAL PRIMARY KEY, stream ${text} NOT NULL, ${entry})`,
  `CREATE TABLE sequencer (id ${integer} PRIMARY KEY, holder ${text} NOT NULL, epoch ${integer} NOT NULL)`,
  `INSERT INTO sequencer (id, holder, epoch) VALUES (1, '', 0)`,
  `CREATE TABLE time_marks (at_ms ${integer} NOT NULL)`,
]
