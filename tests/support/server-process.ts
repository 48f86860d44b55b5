/**
 * The real server as a process of its own, for tests that kill it, trace it, or look at what it prints.
 *
 * @module
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const program = resolve(import.meta.dirname, '../../src/apps/server/main.ts')

export interface ServerProcessOptions {
  /** Its folder, with `claviger.yaml` and `data`; made when absent, and then removed by `remove`. */
  readonly directory?: string
  /** Where it listens; 127.0.0.1 when absent. */
  readonly host?: string
  /** The port there; a free one when absent. */
  readonly port?: number
  /** What stands in `claviger.yaml`, beyond where it listens. */
  readonly config?: readonly string[]
  /** A command that runs the server: `strace`, `faketime`, … */
  readonly wrapper?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export interface ServerProcess {
  readonly directory: string
  readonly dataDirectory: string
  readonly url: string
  readonly pid: number
  readonly ownerSecret: string
  /** All that it printed so far: standard output, then standard error. */
  readonly output: () => string
  /** Sends a signal to the server itself, and resolves with how it ended. */
  stop(signal?: NodeJS.Signals): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  /** Removes its folder, unless that was given. */
  remove(): void
}

/** A start that failed: what it printed, and its exit code. */
export class ServerDidNotStart extends Error {
  readonly code: number | null
  readonly printed: string
  constructor(code: number | null, printed: string) {
    super(`the server did not start (exit code ${code}):\n${printed}`)
    this.code = code
    this.printed = printed
  }
}

const running = new Set<ChildProcess>()

/** Ends what a failed test left running. */
export function killServers(): void {
  for (const child of running) child.kill('SIGKILL')
}

const startMaxMs = 30_000
const stopMaxMs = 60_000

/** Starts the server and resolves when it listens. @throws ServerDidNotStart */
export async function startServerProcess(options: ServerProcessOptions = {}): Promise<ServerProcess> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'claviger-server-'))
  const configFile = join(directory, 'claviger.yaml')
  writeFileSync(configFile, [`listen: { host: ${options.host ?? '127.0.0.1'}, port: ${options.port ?? 0} }`, ...(options.config ?? [])].join('\n'))
  const server = [process.execPath, program, '--config', configFile]
  const [command = process.execPath, ...args]: readonly string[] = [...(options.wrapper ?? []), ...server]
  const child = spawn(command, args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1', ...options.env } })
  let [out, errors] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')))
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString('utf8')))
  running.add(child)
  child.once('exit', () => running.delete(child))
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((settle, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => settle({ code, signal }))
    // What it started may hold its output open for a moment longer than it lives.
    child.on('exit', (code, signal) => setTimeout(() => settle({ code, signal }), 2_000).unref())
  })
  const dataDirectory = join(directory, 'data')
  const url = await listening(child, ended, () => out, () => errors)
  // Behind a wrapper the server is another process than the one that was spawned.
  const pid = options.wrapper === undefined ? (child.pid ?? 0) : serverPidOf(child.pid ?? 0)
  return {
    directory, dataDirectory, url, pid,
    ownerSecret: readFileSync(join(dataDirectory, 'owner-credential'), 'utf8').trim(),
    output: () => out + errors,
    async stop(signal = 'SIGTERM') {
      process.kill(pid, signal)
      const overdue = setTimeout(() => {
        errors += '\n(the test killed it: it did not end within a minute)\n'
        process.kill(pid, 'SIGKILL')
      }, stopMaxMs)
      const end = await ended
      clearTimeout(overdue)
      return end
    },
    remove() {
      if (options.directory === undefined) rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function listening(child: ChildProcess, ended: Promise<{ code: number | null }>, out: () => string, errors: () => string): Promise<string> {
  let isOver = false
  void ended.then(() => (isOver = true), () => (isOver = true))
  for (const deadline = Date.now() + startMaxMs; Date.now() < deadline && !isOver; await new Promise((settle) => setTimeout(settle, 5))) {
    const url = /Listening +(http\S+)/.exec(out())?.[1]
    if (url !== undefined) return url
  }
  if (!isOver) child.kill('SIGKILL')
  throw new ServerDidNotStart((await ended).code, out() + errors())
}

function serverPidOf(wrapperPid: number): number {
  const isNamed = (pid: number | string): boolean => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'claviger'
  // Some wrappers become what they start.
  if (isNamed(wrapperPid)) return wrapperPid
  for (const pid of readFileSync(`/proc/${wrapperPid}/task/${wrapperPid}/children`, 'utf8').trim().split(' ')) {
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('claviger') || isNamed(pid)) return Number(pid)
  }
  throw new Error('the wrapper does not run the server')
}
