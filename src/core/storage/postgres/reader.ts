import { Kysely, PostgresDialect, type PostgresPoolClient } from 'kysely'
import type { Pool, PoolClient } from 'pg'
import { explained } from './errors.ts'

/** Kysely over the reader's pool; errors about the database come out as faults. */
export function createReader(pool: Pool): Kysely<unknown> {
  return new Kysely({
    dialect: new PostgresDialect({
      pool: { options: {}, connect: async () => adapt(await pool.connect().catch(fail)), end: () => pool.end() },
    }),
  })
}

function adapt(client: PoolClient): PostgresPoolClient {
  const query = (text: string, values: readonly unknown[]) => client.query(text, [...values]).catch(fail)
  return {
    release: (destroy) => client.release(destroy),
    // The interface's other overload is for cursors, which Kysely asks for only when it is given a cursor class.
    query: query as unknown as PostgresPoolClient['query'],
  }
}

function fail(error: unknown): never {
  throw explained(error)
}
