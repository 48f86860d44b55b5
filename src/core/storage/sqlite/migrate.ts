import type { DatabaseSync } from 'node:sqlite'
import { migrationColumns, migrationsTable, pendingMigrations, type AppliedMigration } from '../migrations.ts'
import { insertSql } from '../sql.ts'
import type { Migration } from '../storage.ts'
import { sqliteDialect, sqliteTypes } from './dialect.ts'

/**
 * Brings the schema up to date.
 *
 * @throws Fault storage/too-new, storage/migration-changed
 */
export function migrate(database: DatabaseSync, migrations: readonly Migration[], atMs: number): void {
  database.exec(migrationsTable(sqliteTypes))
  const applied = database.prepare('SELECT id, checksum FROM migrations').all() as unknown as AppliedMigration[]
  const record = database.prepare(insertSql(sqliteDialect, 'migrations', migrationColumns))
  for (const { id, checksum, statements, programVersion } of pendingMigrations(migrations, sqliteTypes, applied)) {
    database.exec('BEGIN IMMEDIATE')
    try {
      for (const statement of statements) database.exec(statement)
      record.run(id, checksum, atMs, programVersion)
      database.exec('COMMIT')
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  }
}
