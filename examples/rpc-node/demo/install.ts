/** The demo's own packages: anvil, an Ethereum node, and viem, a client. They stay in this folder. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DemoFailed, screen } from './screen.ts'

export const folder = join(import.meta.dirname, '..')
export const anvil = join(folder, 'node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil')

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly optional?: boolean; readonly peer?: boolean }>>
}

/** @throws DemoFailed */
export async function installPackages(): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new DemoFailed(`The demo's Ethereum node comes as a program for Linux on x64, and this is ${process.platform} on ${process.arch}.`)
  }
  if (isInstalled()) return
  screen.note('Installing the demo\'s own packages (anvil, an Ethereum node; viem, a client), once …')
  const { code, output } = await npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--no-progress', '--loglevel=error'])
  if (code !== 0) throw new DemoFailed(`npm could not install them:\n${output.trim()}`)
}

function isInstalled(): boolean {
  const [wanted, found] = [lockOf('package-lock.json'), lockOf('node_modules/.package-lock.json')]
  if (wanted === null || found === null || !existsSync(anvil)) return false
  return Object.entries(wanted.packages).every(([path, { version, optional, peer }]) =>
    path === '' || optional === true || peer === true || found.packages[path]?.version === version)
}

function lockOf(name: string): Lock | null {
  try {
    return JSON.parse(readFileSync(join(folder, name), 'utf8')) as Lock
  } catch {
    return null
  }
}

function npm(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  // As npm scripts run it; otherwise the one in the PATH.
  const script = process.env['npm_execpath']
  const [command, first] = script?.endsWith('.js') === true ? [process.execPath, [script]] : ['npm', []]
  const child = spawn(command, [...first, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')))
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: null, output: error.message }))
    child.on('close', (code) => resolve({ code, output }))
  })
}
