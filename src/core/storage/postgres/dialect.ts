import type { Dialect, Statement } from '../sql.ts'
import type { SqlTypes } from '../storage.ts'

/**
 * A row that is not there cannot be locked, so whoever counts on an id being free, and whoever takes one, meet on an
 * advisory lock over the id's hash. Ids that share a hash wait for each other, and are otherwise unharmed.
 */
const lockOnId = (lock: 'pg_advisory_xact_lock' | 'pg_advisory_xact_lock_shared'): Statement => ({
  table: '',
  sql: `SELECT ${lock}(hashtextextended($1, 0))`,
  kind: 'read',
  rows: null,
})

export const postgresDialect: Dialect = {
  engine: 'postgres',
  placeholder: (position) => `$${position}`,
  greatest: 'greatest',
  jsonElements: 'json_array_elements($1::json) AS value',
  jsonAt: (index, type) => (type === 'integer' ? `(value ->> ${index})::bigint` : `value ->> ${index}`),
  lockRow: ' FOR SHARE',
  keepIdFree: lockOnId('pg_advisory_xact_lock_shared'),
  takeId: lockOnId('pg_advisory_xact_lock'),
  silence: {
    table: 'entries',
    sql: `(SELECT 1 FROM entries WHERE stream = $1 AND idx >= $2 AND position($3::bytea IN leaf) > 0 LIMIT 1)
      UNION ALL (SELECT 1 FROM entries_pending WHERE stream = $1 AND position($3::bytea IN leaf) > 0 LIMIT 1) LIMIT 1`,
    kind: 'read',
    rows: 0,
  },
}

export const postgresTypes: SqlTypes = {
  engine: 'postgres',
  blob: 'BYTEA',
  integer: 'BIGINT',
  text: 'TEXT COLLATE "C"',
}
