import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { Kysely, SqliteDialect, type SqliteDatabase, type SqliteStatement } from 'kysely'
import { explaining } from './errors.ts'

/** Preparing costs more than most reads. Lists (`IN (…)`) make many texts of one query, so the oldest are let go. */
const statementsMax = 256

/** Kysely over node:sqlite. */
export function createReader(database: DatabaseSync): Kysely<unknown> {
  return new Kysely({ dialect: new SqliteDialect({ database: cachingDatabase(database) }) })
}

function cachingDatabase(database: DatabaseSync): SqliteDatabase {
  const statements = new Map<string, SqliteStatement>()
  return {
    close: () => database.close(),
    prepare(text) {
      let statement = statements.get(text)
      if (statement !== undefined) {
        statements.delete(text)
      } else {
        statement = explaining(() => adapt(database, text))
        if (statements.size >= statementsMax) statements.delete(statements.keys().next().value as string)
      }
      statements.set(text, statement)
      return statement
    },
  }
}

function adapt(database: DatabaseSync, text: string): SqliteStatement {
  const statement: StatementSync = database.prepare(text)
  // Kysely's SQLite dialect binds what its queries hold; a type that SQLite lacks is refused by node:sqlite itself.
  const bound = (parameters: readonly unknown[]) => parameters as readonly SQLInputValue[]
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => explaining(() => {
      try {
        return statement.all(...bound(parameters))
      } catch (error) {
        if (!isOutOfRange(error)) throw error
        return allOutOfRange(database.prepare(text), bound(parameters))
      }
    }),
    run: (parameters) => explaining(() => statement.run(...bound(parameters))),
    // A statement of its own: the cached one may be run again before this has been read to its end.
    iterate: (parameters) => explaining(() => iterateInNumbers(database.prepare(text), bound(parameters))),
  }
}

const isOutOfRange = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ERR_OUT_OF_RANGE'

/**
 * An integer beyond 53 bits was written by somebody else (S6). It must not keep anybody from the rows beside it, nor from
 * naming its own: it is read as a number that is not safe, which no seal fits.
 */
function allOutOfRange(statement: StatementSync, bound: readonly SQLInputValue[]): unknown[] {
  statement.setReadBigInts(true)
  return statement.all(...bound).map(inNumbers)
}

/** It cannot begin again half way, so it never meets what is out of range. Only whole tables are read so. */
function* iterateInNumbers(statement: StatementSync, bound: readonly SQLInputValue[]): IterableIterator<unknown> {
  statement.setReadBigInts(true)
  for (const row of statement.iterate(...bound)) yield inNumbers(row)
}

const inNumbers = (row: Readonly<Record<string, unknown>>): unknown =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value]))
