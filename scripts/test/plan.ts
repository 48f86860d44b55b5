/**
 * What is run, and how: every test file belongs to exactly one group.
 *
 * Files named `*.slow.test.ts` are left to `npm test`. The files of a room share a process, which is fast; files that start
 * programs, kill children or break things on purpose get one each.
 *
 * @module
 */
import { globSync, readdirSync, existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** One process: a tool that passes or fails as a whole, or test files. */
export type Task =
  | { readonly kind: 'tool'; readonly name: string; readonly command: readonly string[]; readonly env?: Environment }
  | { readonly kind: 'tests'; readonly name: string; readonly files: readonly string[]; readonly env?: Environment }

type Environment = Readonly<Record<string, string>>

export interface Group {
  readonly name: string
  readonly tasks: readonly Task[]
}

interface Room {
  readonly name: string
  readonly globs: readonly string[]
  /** One process for all files, one for those of each room, or one for each file. */
  readonly process: 'shared' | 'room' | 'own'
  readonly in: 'check' | 'all'
}

const slow = '.slow.test.ts'
const tool = (name: string, command: readonly string[], env: Environment = {}): Group =>
  ({ name, tasks: [{ kind: 'tool', name, command, env }] })

/** Between two thoughts, types are checked from what changed since the last time; a full run takes nothing for granted. */
const sinceLast = ['--incremental', '--tsBuildInfoFile', '.cache/types.tsbuildinfo']

const tools = (extent: 'check' | 'all'): readonly Group[] => [
  tool('types', ['tsc', '--noEmit', '-p', '.', ...(extent === 'check' ? sinceLast : [])]),
  // One core is less work in all than two, and the other has tests to run.
  tool('lint', ['oxlint', '--type-aware', '--deny-warnings'], { GOMAXPROCS: '1', GOGC: '200' }),
  // What nobody uses does no harm until it is committed.
  ...(extent === 'check' ? [] : [tool('knip', ['knip', '--no-progress'])]),
]

/** Folders of `tests/` whose files belong to a room below; every other folder there is a room of its own. */
const housed = new Set(['tidy', 'laws', 'support', 'simulation'])

const rooms = (): readonly Room[] => [
  { name: 'house', globs: ['tests/*.test.ts', 'tests/{tidy,support}/**/*.test.ts', 'scripts/**/*.test.ts'], process: 'shared', in: 'check' },
  // Not shared: what is broken on purpose declares tables of its own.
  { name: 'laws', globs: ['tests/laws.test.ts', 'tests/laws-*.slow.test.ts', 'tests/laws/**/*.test.ts'], process: 'own', in: 'check' },
  { name: 'verifier and SDK', globs: ['packages/**/*.test.ts', 'sdk/**/*.test.ts'], process: 'room', in: 'check' },
  { name: 'core', globs: ['src/core/**/*.test.ts'], process: 'room', in: 'check' },
  { name: 'capabilities', globs: ['src/capabilities/**/*.test.ts'], process: 'room', in: 'check' },
  { name: 'apps', globs: ['src/apps/**/*.test.ts'], process: 'room', in: 'check' },
  { name: 'simulation', globs: ['tests/simulation/**/*.test.ts'], process: 'own', in: 'all' },
  ...readdirSync(`${root}/tests`, { withFileTypes: true }).filter((entry) => entry.isDirectory() && !housed.has(entry.name))
    .map(({ name }): Room => ({ name, globs: [`tests/${name}/**/*.test.ts`], process: 'own', in: 'all' })),
  ...['examples', 'bench', 'console'].filter((folder) => existsSync(`${root}/${folder}`))
    .map((folder): Room => ({ name: folder, globs: [`${folder}/**/*.test.ts`], process: 'own', in: 'all' })),
]

const find = (globs: readonly string[]): readonly string[] =>
  globSync([...globs], { cwd: root, exclude: (name) => name === 'node_modules' || name === 'dist' }).sort()

/** `src/core/http`, `packages/verifier/src`. */
const folderOf = (file: string): string => file.split('/').slice(0, 3).join('/')

function tasksOf({ name, process }: Room, files: readonly string[]): readonly Task[] {
  if (process === 'own') return files.map(taskOf)
  const together = Map.groupBy(files, (file) => (process === 'room' ? folderOf(file) : name))
  return [...together].map(([folder, group]) => ({ kind: 'tests', name: folder, files: group }))
}

const taskOf = (file: string): Task => ({ kind: 'tests', name: file, files: [file] })

/** @throws Error when a test file belongs to no group */
export function planOf(extent: 'check' | 'all'): readonly Group[] {
  const taken = new Set<string>()
  const groups: Group[] = [...tools(extent)]
  const slowFiles: string[] = []
  for (const room of [...rooms()].sort((a, b) => specificity(b) - specificity(a))) {
    const files = find(room.globs).filter((file) => !taken.has(file))
    for (const file of files) taken.add(file)
    slowFiles.push(...files.filter((file) => file.endsWith(slow)))
    const quick = files.filter((file) => !file.endsWith(slow))
    if (room.in === 'all' && extent === 'check') continue
    if (quick.length === 0 && room.in === 'all') continue
    groups.push({ name: room.name, tasks: tasksOf(room, quick) })
  }
  const homeless = find(['**/*.test.ts']).filter((file) => !taken.has(file))
  if (homeless.length > 0) throw new Error(`no group of scripts/test/plan.ts runs ${homeless.join(', ')}`)
  if (extent === 'all' && slowFiles.length > 0) groups.push({ name: 'slow', tasks: slowFiles.sort().map(taskOf) })
  return groups
}

/** `tests/*.test.ts` takes what no closer room took. */
const specificity = (room: Room): number => (room.name === 'house' ? 0 : 1)

/** A run leaves some 2 MB behind that the allocator does not give back, so a process takes no more seeds than this. */
const seedsPerProcess = 500

/**
 * Simulations with many seeds, and more rounds of killing the server.
 *
 * @throws Error when `SEEDS` or `SEED` is no whole number
 */
export function soakPlan({ SEEDS = '10000', SEED }: { readonly SEEDS?: string; readonly SEED?: string }): readonly Group[] {
  const first = SEED === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(SEED)
  const count = Number(SEEDS)
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1) throw new Error('SEED and SEEDS are whole numbers, and SEEDS is 1 at least')
  const shares = Array.from({ length: Math.ceil(count / seedsPerProcess) }, (_, share) => {
    const from = first + share * seedsPerProcess
    return { SEED: String(from), SEEDS: String(Math.min(seedsPerProcess, first + count - from)) }
  })
  const tasksOfEach = (glob: string, env: Environment, of = ''): readonly Task[] =>
    find([glob]).map((file): Task => ({ kind: 'tests', name: `${file}${of}`, files: [file], env }))
  return [
    { name: 'simulation', tasks: shares.flatMap((share) => tasksOfEach('tests/simulation/**/*.test.ts', share, ` from seed ${share.SEED}`)) },
    { name: 'kill', tasks: tasksOfEach('tests/faults/kill.test.ts', { CLAVIGER_KILL_ROUNDS: String(Math.ceil(count / 5)), CLAVIGER_SEED: String(first) }) },
  ]
}
