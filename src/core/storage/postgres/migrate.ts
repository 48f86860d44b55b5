import { Client } from 'pg'
import { migrationColumns, migrationsTable, pendingMigrations, type AppliedMigration } from '../migrations.ts'
import { insertSql } from '../sql.ts'
import type { Migration } from '../storage.ts'
import { postgresDialect, postgresTypes } from './dialect.ts'

const record = insertSql(postgresDialect, 'migrations', migrationColumns)

/** Any fixed number: servers that start at once take turns on it. */
const migrationLock = 0x636c_6176

/**
 * Brings the schema up to date.
 *
 * @throws Fault storage/too-new, storage/migration-changed
 */
export async function migrate(connectionString: string, migrations: readonly Migration[], atMs: number): Promise<void> {
  const client = new Client({ connectionString })
  await client.connect()
  try {
    // Held until the connection ends, so that a server that dies here leaves nothing locked.
    await client.query('SELECT pg_advisory_lock($1)', [migrationLock])
    await client.query(migrationsTable(postgresTypes))
    const applied = await client.query<AppliedMigration>('SELECT id, checksum FROM migrations')
    const pending = pendingMigrations(migrations, postgresTypes, applied.rows)
    for (const { id, checksum, statements, programVersion } of pending) {
      await client.query('BEGIN')
      for (const statement of statements) await client.query(statement)
      await client.query(record, [id, checksum, atMs, programVersion])
      await client.query('COMMIT')
    }
  } finally {
    await client.end()
  }
}
