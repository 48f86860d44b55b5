import { sql, type Kysely } from 'kysely'
import type { Pool } from 'pg'
import { systemRandom } from '#core/crypto/random'
import { createAdmission } from '../admission.ts'
import { createListeners } from '../listeners.ts'
import { createPlanner, type CommitPlan } from '../plan.ts'
import type { Migration, Storage } from '../storage.ts'
import { applyPlan } from './committer.ts'
import { postgresDialect } from './dialect.ts'
import { explained } from './errors.ts'
import { migrate } from './migrate.ts'
import { createPools, type Pools } from './pools.ts'
import { createReader } from './reader.ts'
import { startSequencer } from './sequencer.ts'

export interface PostgresOptions {
  /** `postgres://…`; may name a socket, certificates and the like as libpq does. */
  readonly connectionString: string
  readonly migrations: readonly Migration[]
  /** Connections for commits, and as many again for reads. */
  readonly poolSize?: number
  readonly wallMs?: () => number
}

const poolSizeDefault = 10

/**
 * Opens a PostgreSQL database, beside any other servers on it, and brings its schema up to date.
 *
 * @throws Fault storage/unavailable, storage/too-new, storage/migration-changed, storage/read-only
 */
export async function openPostgres(options: PostgresOptions): Promise<Storage> {
  const { connectionString, migrations, poolSize = poolSizeDefault, wallMs = Date.now } = options
  try {
    await migrate(connectionString, migrations, wallMs())
  } catch (error) {
    throw explained(error)
  }
  const pools = createPools(connectionString, poolSize)
  try {
    return createStorage(pools, await readHighestTime(pools.reader))
  } catch (error) {
    await pools.end()
    throw explained(error)
  }
}

/** The sequencer keeps `meta` up to date as it passes; what it has not come to yet carries its own time. */
async function readHighestTime(pool: Pool): Promise<number> {
  const result = await pool.query<{ highest: number }>(`SELECT greatest(value, (SELECT max(at_ms) FROM entries_pending),
    (SELECT max(at_ms) FROM time_marks)) AS highest FROM meta WHERE id = 'highest-time-ms'`)
  return result.rows[0]?.highest ?? 0
}

function createStorage(pools: Pools, startMs: number): Storage {
  const planOf = createPlanner(postgresDialect)
  const kysely = createReader(pools.reader)
  const listeners = createListeners()
  const admission = createAdmission()
  let highestMs = startMs
  let closed: Promise<void> | null = null
  const raise = (atMs: number): void => void (highestMs = Math.max(highestMs, atMs))
  const sequencer = startSequencer({ pool: pools.writer, holder: systemRandom.base62(16), onTime: raise })

  /** Whether a commit must leave a mark of its time: it is the highest, and no entry of its own says so. */
  const needsMark = ({ atMs, appends }: CommitPlan): boolean =>
    atMs > highestMs && appends.every((entry) => entry.atMs < atMs)

  async function shutDown(): Promise<void> {
    await admission.close()
    await sequencer.close()
    await pools.end()
  }

  return {
    engine: 'postgres',
    exclusive: false,
    // One Kysely serves every room; each room knows its own tables.
    reader: <Tables>() => kysely as Kysely<Tables>,
    async commit(commit) {
      const refused = admission.enter()
      if (refused !== null) throw refused
      try {
        const plan = planOf(commit)
        await applyPlan(pools.writer, plan, needsMark(plan))
        raise(commit.atMs)
        listeners.tellCommitted(commit)
        if (plan.appends.length > 0) sequencer.nudge()
        return { indexes: plan.appends.map(() => null) }
      } finally {
        admission.leave()
      }
    },
    onCommitted: listeners.onCommitted,
    onForeignWrite: listeners.onForeignWrite,
    highestTimeMs: () => highestMs,
    async probe() {
      await sql`SELECT value FROM meta`.execute(kysely)
    },
    close: () => (closed ??= shutDown()),
  }
}
