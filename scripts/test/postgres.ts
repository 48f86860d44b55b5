/**
 * A PostgreSQL for one test run: its own, on a free port, in a folder that goes with it. Other runs and other users of the
 * machine have theirs.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './plan.ts'

export interface GivenPostgres {
  /** What `tests/support/postgres.ts` reads. */
  readonly env: Readonly<Record<string, string>>
  /** A line for whoever watches, or ''. */
  readonly note: string
  close(): void
}

export const postgresLeftOut = async (reason: string): Promise<GivenPostgres> => ({ env: { CLAVIGER_TEST_POSTGRES: `off: ${reason}` }, note: '', close() {} })

/** What the script ends with where it cannot install what is missing. Anything else is a failure, and no reason to skip. */
const notInstallable = 3

export async function openPostgres(): Promise<GivenPostgres> {
  const port = await freePort()
  // Not in the run's own folder, which the user of the server may not enter.
  const folder = mkdtempSync(join(tmpdir(), 'claviger-services-'))
  const env = { ...process.env, CLAVIGER_SERVICES: folder, CLAVIGER_POSTGRES_PORT: String(port) }
  const services = (action: 'start' | 'stop') =>
    spawnSync('bash', [join(root, 'scripts/services.sh'), action, 'postgres'], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const { status, stdout, stderr } = services('start')
  const close = (): void => {
    services('stop')
    rmSync(folder, { recursive: true, force: true })
  }
  if (status !== 0) {
    close()
    if (status !== notInstallable) throw new Error(`PostgreSQL did not start:\n${stderr.trim()}`)
    const why = stderr.trim().split('\n').at(-1) ?? ''
    return { ...(await postgresLeftOut(`no PostgreSQL: ${why}`)), note: `No PostgreSQL: ${why}. What needs it is skipped.` }
  }
  const installed = stdout.split('\n').find((line) => line.startsWith('installed '))
  return {
    env: { CLAVIGER_TEST_POSTGRES: `postgres://postgres@127.0.0.1:${port}` },
    note: installed === undefined ? '' : `Installed with apt-get: ${installed.slice('installed '.length)}.`,
    close,
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
