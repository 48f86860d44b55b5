/**
 * A real PostgreSQL for tests: started by `scripts/services.sh`, shared by all test files, a database for each.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Client } from 'pg'

const script = fileURLToPath(new URL('../../scripts/services.sh', import.meta.url))
/** `npm test` starts one of its own and says where, or `off: …` and why there is none. */
const given = process.env['CLAVIGER_TEST_POSTGRES']
const server = given ?? 'postgres://postgres@127.0.0.1:25432'

export interface TestDatabase {
  readonly url: string
  drop(): Promise<void>
}

export interface TestPostgres {
  readonly url: string
  createDatabase(): Promise<TestDatabase>
}

/** The server, or why there is none, for `test(name, { skip })`. */
export async function startPostgres(): Promise<TestPostgres | { readonly skip: string }> {
  if (given?.startsWith('off: ') === true) return { skip: given.slice('off: '.length) }
  if (given !== undefined) return { url: `${server}/postgres`, createDatabase }
  try {
    await promisify(execFile)('bash', [script, 'start', 'postgres'])
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
    return { skip: `no PostgreSQL: ${said.split('\n').at(-1)}` }
  }
  return { url: `${server}/postgres`, createDatabase }
}

let databases = 0

async function createDatabase(): Promise<TestDatabase> {
  databases += 1
  const name = `test_${process.pid}_${Date.now()}_${databases}`
  await run(`CREATE DATABASE ${name}`)
  return { url: `${server}/${name}`, drop: () => run(`DROP DATABASE ${name} WITH (FORCE)`) }
}

async function run(statement: string): Promise<void> {
  const client = new Client({ connectionString: `${server}/postgres` })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
