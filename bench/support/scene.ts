/**
 * The real server with an API, an environment and keys, for benchmarks over HTTP.
 *
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServerProcess, type ServerProcess } from '../../tests/support/server-process.ts'

export interface Scene {
  readonly server: ServerProcess
  readonly port: number
  readonly environmentId: string
  /** A credential that may verify, and nothing else: what a protected service holds. */
  readonly verifier: string
  call(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>
  /** Writes bodies to send in turn; returns the file. */
  bodies(name: string, lines: readonly string[]): string
  close(): Promise<void>
}

export async function openScene(recording: 'relaxed' | 'durable'): Promise<Scene> {
  const server = await startServerProcess({ config: ['log: { level: warn }', 'exampleApi: false'] })
  const folder = mkdtempSync(join(tmpdir(), 'claviger-bench-'))
  async function call(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${server.ownerSecret}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const answer = (await response.json()) as Record<string, unknown>
    if (!response.ok) throw new Error(JSON.stringify(answer))
    return answer
  }
  const permissions = [{ name: 'rpc:read', access: 'read', description: 'Reading methods.' }]
  const api = await call('POST', '/v1/apis', { slug: 'bench', name: 'Bench', prefix: 'bench', permissions })
  const environment = await call('POST', `/v1/apis/${String(api['apiId'])}/environments`, { kind: 'development', recording })
  const principal = await call('POST', '/v1/principals', { name: 'bench', role: 'developer' })
  const credential = await call('POST', `/v1/principals/${String(principal['principalId'])}/credentials`, { name: 'bench', permissions: ['keys:verify'] })
  return {
    server,
    port: Number(new URL(server.url).port),
    environmentId: String(environment['environmentId']),
    verifier: String(credential['secret']),
    call,
    bodies(name, lines) {
      const file = join(folder, name)
      writeFileSync(file, lines.join('\n'))
      return file
    },
    async close() {
      await server.stop('SIGTERM')
      server.remove()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
