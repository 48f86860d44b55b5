import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { pendingMigrations } from '#core/storage/migrations'
import { postgresTypes } from '../src/core/storage/postgres/dialect.ts'
import { sqliteTypes } from '../src/core/storage/sqlite/dialect.ts'
import { migrations } from '../src/apps/server/foundations.ts'

/** A line a migration and engine, as databases out there have it. Lines are added; none is changed. */
const pinned = readFileSync(new URL('./migrations.txt', import.meta.url), 'utf8').trim().split('\n')

test('S10: no migration that a database may have seen was edited: every one has the checksum that was pinned for it', () => {
  const now = Object.entries({ sqlite: sqliteTypes, postgres: postgresTypes }).flatMap(([engine, types]) =>
    pendingMigrations(migrations, types, []).map(({ id, checksum }) => `${id} ${engine} ${checksum}`))
  assert.deepEqual(pinned.toSorted(), now.toSorted(), 'A new migration takes a line in tests/migrations.txt; one that has a line stays as it is, and another one after it changes what it made.')
})
