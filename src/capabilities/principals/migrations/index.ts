import type { Migration } from '#core/storage/storage'
import { principalsMigration } from './0001-principals.ts'
import { newestFirstMigration } from './0002-newest-first.ts'

/** In the order in which they are applied. */
export const principalsMigrations: readonly Migration[] = [principalsMigration, newestFirstMigration]
