import { Pool, types, type ClientBase, type PoolConfig } from 'pg'
import { assert } from '#core/base/assert'

/** No statement of ours takes long; one that does waits for something that will not come. */
const statementTimeoutMs = 10_000
/** A server that was suspended in the middle of a transaction must not keep its locks: PostgreSQL ends the session. */
const idleInTransactionTimeoutMs = 5_000
const connectTimeoutMs = 5_000

const [int8, numeric] = [20, 1700]

/** Both engines give numbers: int8 as written, numeric as sums of int8 come back. */
function parseInteger(text: string): number {
  const value = Number(text)
  assert(Number.isSafeInteger(value) || text.includes('.'), 'S6: an integer column holds a safe integer')
  return value
}

const ourTypes: NonNullable<PoolConfig['types']> = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === int8 || oid === numeric ? parseInteger : types.getTypeParser(oid, format as 'text'),
}

/** Options of pg 8.23 that its type declarations do not have yet. */
interface Config extends PoolConfig {
  /** Sends statements without waiting for the answers to those before. */
  readonly pipeline?: boolean
  /** Awaited before a new connection is used. */
  readonly onConnect: (client: ClientBase) => Promise<unknown>
}

export interface Pools {
  /** For commits: statements are pipelined; a commit is durable when `COMMIT` answers. */
  readonly writer: Pool
  /** For reads: PostgreSQL itself refuses to write. */
  readonly reader: Pool
  end(): Promise<void>
}

/** A connection that breaks fails its statements and is replaced; without a listener it would end the process. */
const replaced = (): void => {}

/** Settings are made by statements, after the connection string had its say, so that it cannot undo them. */
export function createPools(connectionString: string, max: number): Pools {
  const common = { connectionString, max, types: ourTypes, connectionTimeoutMillis: connectTimeoutMs, keepAlive: true }
  const limits = `SET statement_timeout = ${statementTimeoutMs};
    SET idle_in_transaction_session_timeout = ${idleInTransactionTimeoutMs}`
  const pool = (settings: string, pipeline: boolean): Pool => {
    const config: Config = {
      ...common,
      pipeline,
      onConnect(client) {
        client.on('error', replaced)
        return client.query(`${limits}; ${settings}`)
      },
    }
    return new Pool(config).on('error', replaced)
  }
  // Invariant S3: `off` would acknowledge before the log is flushed; anything stronger than `on` is left as it is.
  const durable = `SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'`
  const writer = pool(`SET default_transaction_isolation = 'read committed'; ${durable}`, true)
  const reader = pool('SET default_transaction_read_only = on', false)
  return {
    writer,
    reader,
    async end() {
      await Promise.all([writer.end(), reader.end()])
    },
  }
}
