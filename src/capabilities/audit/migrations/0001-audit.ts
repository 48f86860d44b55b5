import type { Migration } from '#core/storage/storage'

/** What is made of the entries: full tiles, which never change; the head of each log; the checkpoints that were signed. */
export const auditMigration: Migration = {
  id: 'audit/0001-audit',
  statements: ({ text, integer, blob }) => {
    const row = `id ${text} PRIMARY KEY, version ${integer} NOT NULL`
    return [
      `CREATE TABLE log_tiles (${row}, hashes ${blob} NOT NULL)`,
      `CREATE TABLE log_heads (${row}, size ${integer} NOT NULL, at_ms ${integer} NOT NULL, checkpoint ${text} NOT NULL, edge ${blob} NOT NULL)`,
      `CREATE TABLE log_checkpoints (${row}, size ${integer} NOT NULL, at_ms ${integer} NOT NULL, checkpoint ${text} NOT NULL)`,
    ]
  },
}
