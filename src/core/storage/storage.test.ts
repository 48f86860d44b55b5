import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../../../tests/support/postgres.ts'
import { storageConformance } from './conformance.ts'
import { testMigration, type TestStore } from './conformance/harness.ts'
import { openPostgres } from './postgres/open-postgres.ts'
import { openSqlite } from './sqlite/open-sqlite.ts'
import type { Storage } from './storage.ts'

async function createSqlite(inline: boolean): Promise<TestStore> {
  const directory = await mkdtemp(join(tmpdir(), 'claviger-storage-'))
  const opened: Storage[] = []
  return {
    async open(migrations = [testMigration]) {
      const storage = await openSqlite({ path: join(directory, 'test.db'), migrations, inline })
      opened.push(storage)
      return storage
    },
    async drop() {
      for (const storage of opened) await storage.close()
      await rm(directory, { recursive: true })
    },
  }
}

storageConformance('SQLite', { create: () => createSqlite(false), servers: 1 })
storageConformance('SQLite in process', { create: () => createSqlite(true), servers: 1 })

const postgres = await startPostgres()

async function createPostgres(): Promise<TestStore> {
  if ('skip' in postgres) throw new Error(postgres.skip)
  const database = await postgres.createDatabase()
  const opened: Storage[] = []
  return {
    async open(migrations = [testMigration]) {
      const storage = await openPostgres({ connectionString: database.url, migrations, poolSize: 4 })
      opened.push(storage)
      return storage
    },
    async drop() {
      for (const storage of opened) await storage.close()
      await database.drop()
    },
  }
}

storageConformance('PostgreSQL', { create: createPostgres, servers: 2, ...('skip' in postgres ? postgres : {}) })
