/** The programs that the demo starts, and their end. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { anvil } from './install.ts'
import { DemoFailed } from './screen.ts'

export interface Running {
  readonly url: string
  /** Ends it as its operator would, and resolves when it has ended. */
  stop(): Promise<void>
}

export interface RunningClaviger extends Running {
  readonly ownerCredential: string
}

const startMaxMs = 30_000
const stopMaxMs = 10_000
const serverProgram = resolve(import.meta.dirname, '../../../src/apps/server/main.ts')

/** Everything that must not outlive the demo, whatever becomes of it. */
const children = new Set<ChildProcess>()
const folders = new Set<string>()

/** A Claviger of the demo's own: the real server, with its data in a temporary folder. */
export async function startClaviger(): Promise<RunningClaviger> {
  const directory = mkdtempSync(join(tmpdir(), 'claviger-demo-'))
  folders.add(directory)
  writeFileSync(join(directory, 'claviger.yaml'), 'listen: { host: 127.0.0.1, port: 0 }\nexampleApi: false\nlog: { level: info }\n')
  const running = await start('Claviger', process.execPath, [serverProgram, '--config', join(directory, 'claviger.yaml')], directory, /"url":"(http[^"]+)"/)
  return { ...running, ownerCredential: readFileSync(join(directory, 'data/owner-credential'), 'utf8').trim() }
}

/** An Ethereum node with a chain of its own. It talks to nobody. */
export async function startNode(): Promise<Running> {
  const running = await start('anvil', anvil, ['--host', '127.0.0.1', '--port', '0'], tmpdir(), /Listening on (127\.0\.0\.1:\d+)/)
  return { ...running, url: `http://${running.url}` }
}

/** @param listening finds the address in what it prints. @throws DemoFailed with what it printed, when it does not start */
async function start(name: string, command: string, args: readonly string[], cwd: string, listening: RegExp): Promise<Running> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } })
  children.add(child)
  let printed = ''
  const ended = new Promise<void>((settle) => {
    child.on('close', () => {
      children.delete(child)
      settle()
    })
  })
  const url = await new Promise<string>((settle, reject) => {
    const fail = (why: string): void => reject(new DemoFailed(`${name} did not start: ${why}\n${printed.trim()}`))
    const timer = setTimeout(() => fail('it took too long.'), startMaxMs)
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        printed = (printed + chunk.toString('utf8')).slice(-20_000)
        const found = listening.exec(printed)?.[1]
        if (found === undefined) return
        clearTimeout(timer)
        settle(found)
      })
    }
    child.on('error', (error) => fail(error.message))
    child.on('close', () => {
      clearTimeout(timer)
      fail('it ended.')
    })
  })
  return {
    url,
    async stop() {
      if (!children.has(child)) return
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), stopMaxMs)
      await ended
      clearTimeout(timer)
    },
  }
}

/** Ends whatever still runs, and removes what was written. Safe to call at any time, and more than once. */
export function cleanUp(): void {
  for (const child of children) child.kill('SIGKILL')
  for (const directory of folders) rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
  folders.clear()
}
