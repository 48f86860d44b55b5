/**
 * One process of the test run: started, watched, and ended with everything it started.
 *
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root, type Task } from './plan.ts'
import type { Line } from './reporter.ts'

export interface Failure {
  readonly name: string
  readonly place: string
  readonly text: string
}

export interface Outcome {
  readonly passed: number
  readonly failures: readonly Failure[]
  readonly skipped: readonly { readonly name: string; readonly reason: string }[]
  readonly durationMs: number
}

/** After this long somebody who waits is told what for. */
const patienceMs = 60_000
const reporter = fileURLToPath(new URL('reporter.ts', import.meta.url))
const running = new Set<ChildProcess>()
let started = 0

export interface Surroundings {
  /** For files of the run. */
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
  /** Longer than any process takes on a slow machine: what is still there then, hangs, and is ended. */
  readonly deadlineMs: number
  /** Told of what takes long. */
  readonly note: (text: string) => void
}

export async function runTask(task: Task, { folder, env, deadlineMs, note }: Surroundings): Promise<Outcome> {
  const startedMs = performance.now()
  const lines = join(folder, `lines-${++started}`)
  const [command, ...args] = task.kind === 'tool' ? task.command : testCommand(task.files, lines)
  const given = { ...env, ...task.env }
  const waiting = setTimeout(() => note(`… still running: ${task.name}`), patienceMs)
  const { code, said, hung } = await runProcess(command ?? '', args, given, deadlineMs)
  clearTimeout(waiting)
  const durationMs = performance.now() - startedMs
  if (task.kind === 'tool') {
    const isWell = code === 0
    return { passed: isWell ? 1 : 0, failures: isWell ? [] : [{ name: task.name, place: task.command.join(' '), text: said }], skipped: [], durationMs }
  }
  return { ...outcomeOf(task.name, linesOf(lines), code, said, hung ? deadlineMs : null), durationMs }
}

/** Ends everything that is still running; each child leads a group of its own. */
export function stopTasks(): void {
  for (const child of running) killGroup(child)
}

const testCommand = (files: readonly string[], lines: string): readonly string[] => [
  process.execPath, '--test', '--test-isolation=none', `--test-reporter=${reporter}`, `--test-reporter-destination=${lines}`, ...files,
]

function runProcess(
  command: string, args: readonly string[], env: Readonly<Record<string, string>>, deadlineMs: number,
): Promise<{ code: number | null; said: string; hung: boolean }> {
  return new Promise((resolve, reject) => {
    const path = `${join(root, 'node_modules/.bin')}${delimiter}${process.env['PATH'] ?? ''}`
    // Tests are not told by the terminal of whoever runs them how to colour.
    const { FORCE_COLOR: _, NODE_OPTIONS: __, ...inherited } = process.env
    const child = spawn(command, args, {
      cwd: root, env: { ...inherited, PATH: path, NO_COLOR: '1', ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true,
    })
    running.add(child)
    let hung = false
    const deadline = setTimeout(() => {
      hung = true
      killGroup(child)
    }, deadlineMs)
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('error', reject)
    // `exit`, not `close`: a program that a test left behind must not keep the run waiting.
    child.on('exit', (code) => {
      clearTimeout(deadline)
      running.delete(child)
      killGroup(child)
      setImmediate(() => resolve({ code, said: Buffer.concat(chunks).toString('utf8').trim(), hung }))
    })
  })
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // Nobody of the group is left.
  }
}

const linesOf = (path: string): readonly Line[] =>
  existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter((text) => text.endsWith('}')).map((text) => JSON.parse(text) as Line) : []

function outcomeOf(name: string, lines: readonly Line[], code: number | null, said: string, hungMs: number | null): Omit<Outcome, 'durationMs'> {
  const failures = lines.flatMap((line): Failure[] => {
    if (line.kind === 'empty') return [{ name: line.name, place: '', text: 'There is not one test in it.' }]
    return line.kind === 'fail' ? [{ name: line.name, place: line.place, text: line.error }] : []
  })
  const skipped = lines.flatMap((line) => (line.kind === 'skip' ? [{ name: line.name, reason: line.reason }] : []))
  const passed = lines.filter(({ kind }) => kind === 'pass').length
  const broken = troubleOf(lines, code, hungMs, failures.length > 0, passed + skipped.length)
  const warnings = lines.flatMap((line) => (line.kind === 'warning' ? [line.text] : []))
  if (broken !== null) failures.push({ name, place: '', text: [broken, ...warnings, said].join('\n').trim() })
  return { passed, failures, skipped }
}

/** What went wrong with the process beside its tests, or null. */
function troubleOf(lines: readonly Line[], code: number | null, hungMs: number | null, hasFailures: boolean, counted: number): string | null {
  // A hint: a test that never gives the thread back is not told of.
  const last = lines.findLast((line) => line.kind === 'start')?.name ?? 'no test yet'
  if (hungMs !== null) return `Still running after ${hungMs / 60_000} minutes, and was ended. The last test that is known to have started: ${last}.`
  if (lines.at(-1)?.kind !== 'end') return `The process ended early, with code ${code}. The last test that is known to have started: ${last}.`
  if (hasFailures) return null
  if (code !== 0) return `All tests passed, and the process ended with code ${code}.`
  return counted === 0 ? 'There is not one test in it.' : null
}
