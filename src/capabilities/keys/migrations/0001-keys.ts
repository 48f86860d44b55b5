import { guardColumns, type Migration } from '#core/storage/storage'

export const keysMigration: Migration = {
  id: 'keys/0001-keys',
  statements: (types) => {
    const { text, integer, blob } = types
    const guarded = `id ${text} PRIMARY KEY, version ${integer} NOT NULL, workspace_id ${text} NOT NULL, ${guardColumns(types)}`
    const ended = `revoked_at_ms ${integer}, revocation_reason ${text}`
    return [
      `CREATE TABLE workspaces (${guarded}, name ${text} NOT NULL, status ${text} NOT NULL, is_root ${integer} NOT NULL,
        created_at_ms ${integer} NOT NULL, ${ended})`,
      // Two servers that start on an empty database at the same moment found one first workspace.
      `CREATE UNIQUE INDEX workspaces_root ON workspaces (is_root) WHERE is_root = 1`,
      `CREATE TABLE apis (${guarded}, slug ${text} NOT NULL, name ${text} NOT NULL, prefix ${text} NOT NULL,
        catalogue ${text} NOT NULL, status ${text} NOT NULL, built_in ${integer} NOT NULL, created_at_ms ${integer} NOT NULL, ${ended})`,
      `CREATE UNIQUE INDEX apis_slug ON apis (workspace_id, slug)`,
      `CREATE UNIQUE INDEX apis_prefix ON apis (workspace_id, prefix)`,
      `CREATE TABLE environments (${guarded}, api_id ${text} NOT NULL, slug ${text} NOT NULL, kind ${text} NOT NULL,
        tag ${text} NOT NULL, status ${text} NOT NULL, policy ${text} NOT NULL, recording ${text} NOT NULL,
        pepper_version ${integer} NOT NULL, created_at_ms ${integer} NOT NULL, ${ended})`,
      `CREATE INDEX environments_workspace ON environments (workspace_id, id)`,
      `CREATE UNIQUE INDEX environments_slug ON environments (workspace_id, api_id, slug)`,
      `CREATE UNIQUE INDEX environments_tag ON environments (workspace_id, api_id, tag)`,
      `CREATE TABLE consumers (${guarded}, reference ${text}, name ${text}, status ${text} NOT NULL,
        created_at_ms ${integer} NOT NULL, erased_at_ms ${integer}, ${ended})`,
      `CREATE INDEX consumers_workspace ON consumers (workspace_id, id)`,
      `CREATE UNIQUE INDEX consumers_reference ON consumers (workspace_id, reference)`,
      `CREATE TABLE keys (${guarded}, api_id ${text} NOT NULL, environment_id ${text} NOT NULL, consumer_id ${text},
        principal_id ${text}, kind ${text} NOT NULL, name ${text} NOT NULL, status ${text} NOT NULL, hash ${blob} NOT NULL,
        pepper_version ${integer} NOT NULL, permissions ${text} NOT NULL, ip_ranges ${text} NOT NULL, origins ${text} NOT NULL,
        time_window ${text}, created_at_ms ${integer} NOT NULL, created_by ${text} NOT NULL, expires_at_ms ${integer} NOT NULL, ${ended})`,
      `CREATE INDEX keys_workspace ON keys (workspace_id, id)`,
      `CREATE INDEX keys_api ON keys (api_id, id)`,
      `CREATE INDEX keys_environment ON keys (environment_id, id)`,
      `CREATE INDEX keys_consumer ON keys (consumer_id, id) WHERE consumer_id IS NOT NULL`,
      `CREATE INDEX keys_principal ON keys (principal_id, id) WHERE principal_id IS NOT NULL`,
      `CREATE TABLE key_usage (id ${text} PRIMARY KEY, version ${integer} NOT NULL, last_used_at_ms ${integer} NOT NULL,
        valid_count ${integer} NOT NULL, denied_count ${integer} NOT NULL)`,
      `CREATE TABLE use_batches (id ${text} PRIMARY KEY, version ${integer} NOT NULL, at_ms ${integer} NOT NULL, uses ${blob} NOT NULL)`,
      `CREATE TABLE use_blocks (id ${text} PRIMARY KEY, version ${integer} NOT NULL, workspace_id ${text} NOT NULL,
        environment_id ${text} NOT NULL, from_ms ${integer} NOT NULL, to_ms ${integer} NOT NULL, use_count ${integer} NOT NULL,
        sections ${blob} NOT NULL)`,
      `CREATE INDEX use_blocks_workspace ON use_blocks (workspace_id, id)`,
      `CREATE INDEX use_blocks_environment ON use_blocks (workspace_id, environment_id, from_ms, id)`,
    ]
  },
}
