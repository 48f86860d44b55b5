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
}

export const sqliteTypes: SqlTypes = { engine: 'sqlite', blob: 'BLOB', integer: 'INTEGER', text: 'TEXT' }
