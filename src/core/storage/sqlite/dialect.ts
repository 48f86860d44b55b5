import type { Dialect } from '../sql.ts'
import type { SqlTypes } from '../storage.ts'

export const sqliteDialect: Dialect = {
  engine: 'sqlite',
  placeholder: () => '?',
  greatest: 'max',
  jsonElements: 'json_each(?)',
  jsonAt: (index) => `value ->> ${index}`,
  lockRow: '',
  keepIdFree: null,
  takeId: null,
  silence: { table: 'entries', sql: 'SELECT 1 FROM entries WHERE stream = ? AND idx >= ? AND instr(leaf, ?) > 0 LIMIT 1', kind: 'read', rows: 0 },
}

export const sqliteTypes: SqlTypes = { engine: 'sqlite', blob: 'BLOB', integer: 'INTEGER', text: 'TEXT' }
