import type { Migration } from '#core/storage/storage'

/**
 * Lists go from the newest to the oldest. A later key then also stands at the end of each index, where writing is cheapest;
 * by id, which is random, it stood anywhere. What the log is held against is read by id, so the indexes for that stay.
 */
export const newestFirstMigration: Migration = {
  id: 'keys/0002-newest-first',
  statements: () => [
    `DROP INDEX keys_api`,
    `DROP INDEX keys_environment`,
    `DROP INDEX keys_consumer`,
    `DROP INDEX keys_principal`,
    `CREATE INDEX keys_created ON keys (workspace_id, created_at_ms, id)`,
    `CREATE INDEX keys_api ON keys (api_id, created_at_ms, id)`,
    `CREATE INDEX keys_environment ON keys (environment_id, created_at_ms, id)`,
    `CREATE INDEX keys_consumer ON keys (consumer_id, created_at_ms, id) WHERE consumer_id IS NOT NULL`,
    `CREATE INDEX keys_principal ON keys (principal_id, created_at_ms, id) WHERE principal_id IS NOT NULL`,
    `CREATE INDEX workspaces_created ON workspaces (created_at_ms, id)`,
    `CREATE INDEX apis_created ON apis (workspace_id, created_at_ms, id)`,
    `CREATE INDEX environments_created ON environments (workspace_id, created_at_ms, id)`,
    `CREATE INDEX consumers_created ON consumers (workspace_id, created_at_ms, id)`,
  ],
}
