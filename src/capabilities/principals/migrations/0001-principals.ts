import { guardColumns, type Migration } from '#core/storage/storage'

export const principalsMigration: Migration = {
  id: 'principals/0001-principals',
  statements: (types) => {
    const { text, integer } = types
    return [
      `CREATE TABLE principals (id ${text} PRIMARY KEY, version ${integer} NOT NULL, workspace_id ${text} NOT NULL, ${guardColumns(types)},
        kind ${text} NOT NULL, name ${text}, role ${text} NOT NULL, status ${text} NOT NULL,
        created_at_ms ${integer} NOT NULL, revoked_at_ms ${integer}, erased_at_ms ${integer})`,
      `CREATE UNIQUE INDEX principals_name ON principals (workspace_id, name)`,
    ]
  },
}
