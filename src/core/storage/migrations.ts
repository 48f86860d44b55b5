/**
 * Migrations: forward only, each applied once and whole, never changed afterwards.
 *
 * Invariant S10: a database is used only by a program that knows every migration in it, unchanged.
 *
 * @module
 */
import manifest from '../../../package.json' with { type: 'json' }
import { assert } from '#core/base/assert'
import { sha256 } from '#core/crypto/hash'
import { coreMigration } from './core-migration.ts'
import { storageFaults } from './faults.ts'
import type { Migration, SqlTypes } from './storage.ts'

/** One migration as SQL, with the record that it was applied. */
export interface MigrationStep {
  readonly id: string
  /** SHA-256 of the statements as this engine runs them, hex. */
  readonly checksum: string
  readonly statements: readonly string[]
  readonly programVersion: string
}

export interface AppliedMigration {
  readonly id: string
  readonly checksum: string
}

export const migrationColumns = ['id', 'checksum', 'applied_at_ms', 'program_version']

export const migrationsTable = ({ text, integer }: SqlTypes): string => `CREATE TABLE IF NOT EXISTS migrations (
  id ${text} PRIMARY KEY, checksum ${text} NOT NULL, applied_at_ms ${integer} NOT NULL,
  program_version ${text} NOT NULL)`

const cure = 'Start the version that wrote it, or a newer one.'

/**
 * What is still to be applied, in order, to a database that has `applied`.
 *
 * @throws Fault storage/too-new, storage/migration-changed
 */
export function pendingMigrations(
  migrations: readonly Migration[], types: SqlTypes, applied: readonly AppliedMigration[],
): readonly MigrationStep[] {
  const steps = [coreMigration, ...migrations].map((migration) => toStep(migration, types))
  const known = new Map(steps.map((step) => [step.id, step]))
  assert(known.size === steps.length, 'S10: no two migrations share an id')
  for (const { id, checksum } of applied) {
    const step = known.get(id)
    if (step === undefined) {
      throw storageFaults['too-new'](`The database has the migration ${id}, which this version does not know. ${cure}`)
    }
    if (step.checksum !== checksum) {
      throw storageFaults['migration-changed'](`The migration ${id} is not the one that made this database. ${cure}`)
    }
  }
  const done = new Set(applied.map(({ id }) => id))
  return steps.filter(({ id }) => !done.has(id))
}

function toStep({ id, statements: statementsFor }: Migration, types: SqlTypes): MigrationStep {
  const statements = statementsFor(types)
  const checksum = sha256(Buffer.from(statements.join(';\n'), 'utf8')).toString('hex')
  return { id, checksum, statements, programVersion: manifest.version }
}
