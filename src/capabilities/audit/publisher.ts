/**
 * Publisher: sees to it that within a second of growth a log has a new signed checkpoint.
 *
 * What goes wrong with one log holds up no other: what cannot be done now (no key process, no database) is tried again.
 *
 * Invariant A4: a log whose stored parts disagree is left alone, and told of, until they agree. Its head is checked before
 * every checkpoint that is built on it; its tiles and older checkpoints, which new ones do not rest on, at the start and
 * after somebody else wrote to the database.
 *
 * @module
 */
import type { Clock } from '#core/base/clock'
import type { Keyring } from '#core/keyring/keyring'
import type { Storage } from '#core/storage/storage'
import { checkLog } from './check-log.ts'
import { auditFaults } from './faults.ts'
import { LogDisagrees } from './log-head.ts'
import { createLogKeys } from './log-keys.ts'
import { createLogProblems, type LogProblem } from './log-problems.ts'
import { createPasses } from './passes.ts'
import { createLogPublisher } from './publish-log.ts'
import type { AuditDatabase } from './tables.ts'
import { createTileStore } from './tile-store.ts'
import { createTurns } from './turns.ts'

export interface Publisher {
  /** Begins to follow what is committed, and checks every stored log in the background. */
  start(): void
  /**
   * Resolves when all that a log had when it was called is under a checkpoint.
   *
   * @throws Fault audit/log-damaged, and whatever kept it from signing or writing
   */
  publishNow(workspaceId: string): Promise<void>
  /** Resolves when every stored log was checked once more from now on. */
  checkAll(): Promise<void>
  /** Logs that are not signed for, and why: empty when all is well. */
  readonly problems: ReadonlyMap<string, string>
  /** How many logs wait to be tried again. */
  delayedCount(): number
  /** Publishes what it can, and stops. */
  stop(): Promise<void>
}

export interface PublisherServices {
  readonly storage: Storage
  readonly keyring: Keyring
  readonly clock: Clock
  readonly onProblem: (problem: LogProblem) => void
}

/** How often refused logs, and checks that could not be made, are tried again. */
const recheckMs = 60_000

export function createPublisher({ storage, keyring, clock, onProblem }: PublisherServices): Publisher {
  const keys = createLogKeys(keyring)
  const tiles = createTileStore(storage)
  const log = createLogPublisher({ storage, keys, tiles, clock })
  const problems = createLogProblems(onProblem)
  const turns = createTurns(publish)
  const checks = createTurns((which) => (which === 'all' ? checkEach(everyLog(storage)) : checkEach(inOrder([...problems.refused.keys()]))))
  const passes = createPasses({ storage, publish: publishQuietly, ...problems })
  /** Refused logs whose stored parts agree again. */
  const readmitted = new Set<string>()
  let checkDue = true
  let started = false
  let stopped = false

  async function publish(workspaceId: string): Promise<void> {
    if (problems.refused.has(workspaceId) && !readmitted.has(workspaceId)) throw damaged()
    try {
      await log.publish(workspaceId, () => stopped)
    } catch (error) {
      if (!(error instanceof LogDisagrees)) throw error
      problems.refuse(workspaceId, error.reason)
      throw damaged(error)
    }
    problems.settle(workspaceId)
  }

  async function publishQuietly(workspaceId: string): Promise<void> {
    try {
      await turns.take(workspaceId)
    } catch (error) {
      problems.delay(workspaceId, error)
    }
  }

  async function checkEach(nextLog: () => Promise<string | null>): Promise<void> {
    try {
      for (let next = await nextLog(); next !== null && !stopped; next = await nextLog()) await checkOne(next)
      checkDue = false
    } catch {
      // Something could not be read, or the keys were away: that says nothing of the logs.
      checkDue = true
    }
  }

  async function checkOne(workspaceId: string): Promise<void> {
    try {
      await checkLog({ storage, keys, tiles }, workspaceId, () => stopped)
    } catch (error) {
      if (error instanceof LogDisagrees) return problems.refuse(workspaceId, error.reason)
      throw error
    }
    if (!problems.refused.has(workspaceId)) return
    readmitted.add(workspaceId)
    await publishQuietly(workspaceId)
    readmitted.delete(workspaceId)
  }

  const rechecking = setInterval(() => {
    if (!started) return
    if (checkDue) void checks.take('all')
    else if (problems.refused.size > 0) void checks.take('refused')
  }, recheckMs).unref()

  storage.onCommitted((commit) => {
    if (started && commit.appends.length > 0) passes.grew(commit.appends.map((append) => append.stream))
  })
  storage.onForeignWrite(() => {
    if (!started || stopped) return
    passes.look()
    void checks.take('all')
  })

  return {
    start() {
      if (started) return
      started = true
      passes.look()
      void checks.take('all')
    },
    publishNow: (workspaceId) => turns.take(workspaceId),
    checkAll: () => checks.take('all'),
    problems: problems.refused,
    delayedCount: () => problems.delayed.size,
    async stop() {
      if (stopped) return
      stopped = true
      clearInterval(rechecking)
      await checks.settled()
      if (started) await passes.finish()
      await turns.settled()
    },
  }
}

const damaged = (cause?: unknown) =>
  auditFaults['log-damaged']('The log is not signed for until an operator has looked at it. Run `claviger audit verify`.', { cause })

/** Every log with entries, by id. */
function everyLog(storage: Storage): () => Promise<string | null> {
  let after = ''
  return async () => {
    const row = await storage.reader<AuditDatabase>().selectFrom('entries').select(({ fn }) => fn.min('stream').as('stream'))
      .where('stream', '>', after).executeTakeFirst()
    after = row?.stream ?? after
    return row?.stream ?? null
  }
}

const inOrder = (logs: string[]) => async (): Promise<string | null> => logs.shift() ?? null
