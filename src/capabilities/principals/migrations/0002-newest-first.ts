import type { Migration } from '#core/storage/storage'

export const newestFirstMigration: Migration = {
  id: 'principals/0002-newest-first',
  statements: () => [`CREATE INDEX principals_created ON principals (workspace_id, created_at_ms, id)`],
}
