import type { Kysely } from 'kysely'
import type { Commit, Committed } from './commit.ts'

/** A database for whoever only reads: handlers of operations, whose decisions are committed for them together with their entry. */
export interface ReadableStorage {
  readonly engine: 'sqlite' | 'postgres'
  /** Whether this process is the only writer, so that what it holds in memory stays true. */
  readonly exclusive: boolean
  /** Typed reads of what is committed. It cannot write: the engines open it read-only. */
  reader<Tables>(): Kysely<Tables>
}

/** Everything the program may do with a database. The engines, `sqlite` and `postgres`, are twins behind it. */
export interface Storage extends ReadableStorage {
  /**
   * Applies a commit as a whole. Resolves when it is durable (after `fsync`), and listeners have seen it.
   *
   * @throws CommitConflict when its picture of the world was out of date: decide again
   * @throws Fault `storage/unavailable`, `storage/full`, `storage/read-only`, `storage/corrupt`
   */
  commit(commit: Commit): Promise<Committed>
  /** Called for every commit that this process applied, in order, before its caller hears of it. */
  onCommitted(listener: (commit: Commit) => void): void
  /** Called when somebody else wrote to the database: nothing held in memory can be relied on. */
  onForeignWrite(listener: () => void): void
  /** The highest time that any commit carried, for the clock's floor. */
  highestTimeMs(): number
  /** Resolves when a trivial read of the primary answers; throws the fault that explains why not. */
  probe(): Promise<void>
  /** Finishes what is under way and closes. Commits that come later are refused. */
  close(): Promise<void>
}

/** SQL dialects differ in a handful of type names; migrations are written once over them. */
export interface SqlTypes {
  readonly engine: 'sqlite' | 'postgres'
  readonly blob: 'BLOB' | 'BYTEA'
  readonly integer: 'INTEGER' | 'BIGINT'
  /** Binary collation, so that both engines sort text alike. */
  readonly text: 'TEXT' | 'TEXT COLLATE "C"'
}

/** One step of a room's schema. Forward only; its checksum is recorded, and a changed step is refused. */
export interface Migration {
  /** `keys/0001-keys`: room, number, what it makes. */
  readonly id: string
  readonly statements: (types: SqlTypes) => readonly string[]
}

/** The columns that every guarded table has beside its own. */
export const guardColumns = (types: SqlTypes): string => `salt ${types.blob} NOT NULL, mac ${types.blob} NOT NULL`
