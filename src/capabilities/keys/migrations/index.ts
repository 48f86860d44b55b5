import type { Migration } from '#core/storage/storage'
import { keysMigration } from './0001-keys.ts'
import { newestFirstMigration } from './0002-newest-first.ts'

/** In the order in which they are applied. */
export const keysMigrations: readonly Migration[] = [keysMigration, newestFirstMigration]
