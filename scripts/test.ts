/**
 * Runs the tests: `node scripts/test.ts check|all|soak`, which is what `npm run check`, `npm test` and `npm run soak` do.
 *
 * `check` is what one wants between two thoughts; `all` adds what is slow, what needs PostgreSQL, and what starts whole
 * programs; `soak` runs the simulations with many seeds (`SEEDS=100000 npm run soak`). One line a group, failures in full,
 * what was skipped and why, and as the last line the count that CI reads.
 *
 * @module
 */
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { mkdtempSync, rmSync } from 'node:fs'
import { complaintAbout } from './node-version.mjs'
import { openDurations, type Durations } from './test/durations.ts'
import { planOf, root, soakPlan, type Group } from './test/plan.ts'
import { openPostgres, postgresLeftOut, type GivenPostgres } from './test/postgres.ts'
import { createReport } from './test/report.ts'
import { runTask, stopTasks, type Outcome, type Surroundings } from './test/task.ts'

interface Command {
  readonly plan: () => readonly Group[]
  readonly postgres: () => Promise<GivenPostgres>
  readonly deadlineMinutes: number
  /** For every task. */
  readonly env?: Readonly<Record<string, string>>
  /** Some tasks wait more than they work; where none is disturbed by others, one more than there are cores may run. */
  readonly isPacked?: boolean
}

/** Modules as they were compiled the last time: each process has hundreds of them. */
const compileCache = { NODE_COMPILE_CACHE: join(root, '.cache/compiled') }

const commands: Readonly<Record<string, Command>> = {
  check: {
    deadlineMinutes: 3, env: compileCache, isPacked: true,
    plan: () => planOf('check'), postgres: () => postgresLeftOut('`npm run check` leaves PostgreSQL to `npm test`'),
  },
  all: { deadlineMinutes: 10, plan: () => planOf('all'), postgres: openPostgres },
  soak: { deadlineMinutes: 24 * 60, plan: () => soakPlan(process.env), postgres: () => postgresLeftOut('the simulations need none') },
}

async function main(): Promise<void> {
  const command = commands[process.argv[2] ?? '']
  if (command === undefined) throw new Error(`say what to run: ${Object.keys(commands).join(', ')}`)
  const complaint = complaintAbout(process.version)
  if (complaint !== null) throw new Error(complaint)

  const folder = mkdtempSync(join(tmpdir(), 'claviger-test-'))
  const plan = command.plan()
  const report = createReport()
  report.begin()
  const postgres = await command.postgres()
  report.note(postgres.note)
  const end = (): void => {
    stopTasks()
    postgres.close()
    rmSync(folder, { recursive: true, force: true })
  }
  for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const) {
    process.on(signal, () => {
      end()
      process.exit(code)
    })
  }
  try {
    const where = {
      folder, env: { ...postgres.env, ...command.env }, deadlineMs: command.deadlineMinutes * 60_000, note: (text: string) => report.note(text),
    }
    const durations = command.isPacked === true ? openDurations() : null
    await runPlan(plan, where, durations, (group, outcomes) => report.group(group, outcomes))
    durations?.keep()
  } finally {
    end()
  }
  process.exitCode = report.end() ? 0 : 1
}

/**
 * Runs the groups' tasks and tells of each group when its last one ended: in order, as many at a time as there are cores;
 * with durations the longest first, and one more.
 */
async function runPlan(
  plan: readonly Group[], where: Surroundings, durations: Durations | null, tell: (group: Group, outcomes: readonly Outcome[]) => void,
): Promise<void> {
  for (const group of plan.filter(({ tasks }) => tasks.length === 0)) tell(group, [])
  const outcomes = new Map<Group, Outcome[]>(plan.map((group) => [group, []]))
  const inOrder = plan.flatMap((group) => group.tasks.map((task) => ({ group, task })))
  const queue = durations?.order(inOrder) ?? inOrder
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { group, task } = next
      const done = outcomes.get(group) ?? []
      const outcome = await runTask(task, where)
      durations?.note(task, outcome.durationMs)
      done.push(outcome)
      if (done.length === group.tasks.length) tell(group, done)
    }
  }
  const atOnce = Math.max(2, availableParallelism()) + (durations === null ? 0 : 1)
  await Promise.all(Array.from({ length: atOnce }, work))
}

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
})
