/** The laws of the house over every operation, through real HTTP, on SQLite. On PostgreSQL: `laws-postgres.slow.test.ts`. */
import { registerLaws } from './laws/register.ts'

registerLaws({ name: 'SQLite', openDatabase: () => Promise.resolve(null) })
