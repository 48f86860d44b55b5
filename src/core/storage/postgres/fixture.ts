/** Servers on a PostgreSQL database of their own, and a client beside them that does what a stranger might. */
import { Client } from 'pg'
import { startPostgres } from '../../../../tests/support/postgres.ts'
import { testMigration } from '../conformance/harness.ts'
import type { Storage } from '../storage.ts'
import { openPostgres } from './open-postgres.ts'

const postgres = await startPostgres()
/** Why there is no PostgreSQL here, for `test(name, { skip })`. */
export const skip = 'skip' in postgres ? postgres.skip : false

type Run = (storages: readonly Storage[], client: Client) => Promise<void>

export async function withServers(count: number, run: Run): Promise<void> {
  if ('skip' in postgres) throw new Error(postgres.skip)
  const database = await postgres.createDatabase()
  const storages: Storage[] = []
  const client = new Client({ connectionString: database.url })
  try {
    for (let server = 0; server < count; server++) {
      storages.push(await openPostgres({ connectionString: database.url, migrations: [testMigration], poolSize: 4 }))
    }
    await client.connect()
    await run(storages, client)
  } finally {
    await client.end()
    for (const storage of storages) await storage.close()
    await database.drop()
  }
}

export const withServer = async (run: (storage: Storage, client: Client) => Promise<void>): Promise<void> =>
  withServers(1, ([storage], client) => run(storage as Storage, client))
