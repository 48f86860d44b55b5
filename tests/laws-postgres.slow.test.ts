/** The laws of the house over every operation, through real HTTP, on PostgreSQL. */
import { registerLaws } from './laws/register.ts'
import { startPostgres } from './support/postgres.ts'

const postgres = await startPostgres()

registerLaws({
  name: 'PostgreSQL',
  openDatabase: () => ('skip' in postgres ? Promise.reject(new Error(postgres.skip)) : postgres.createDatabase()),
  ...('skip' in postgres ? postgres : {}),
})
