import { DatabaseSync } from 'node:sqlite'

/**
 * A trigger from outside, so that real transactions fail half-way, after their rows were written.
 *
 * @returns what makes the database well again
 */
export async function breakSqlite(file: string): Promise<() => Promise<void>> {
  const run = (statement: string): void => {
    const database = new DatabaseSync(file, { timeout: 5_000 })
    database.exec(statement)
    database.close()
  }
  run(`CREATE TRIGGER law_refuses BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'refused for a law'); END`)
  return async () => run('DROP TRIGGER law_refuses')
}
