/** B10: `npm start` on a warm install to the first verified key. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { median, ms, spreadOf, type Row } from './support/table.ts'

const rounds = 5
const budgetMs = 3_000
const root = resolve(import.meta.dirname, '..')

export async function measure(): Promise<readonly Row[]> {
  const took: number[] = []
  for (let round = 0; round < rounds; round++) took.push(await once())
  const typicalMs = median(took)
  return [{
    budget: 'B10', what: 'npm start, first start, to the first verified key', measured: ms(typicalMs), against: '', wanted: `< ${budgetMs / 1000} s`,
    reached: ms(typicalMs), spread: spreadOf(took, ms), holds: typicalMs < budgetMs,
  }]
}

async function once(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'claviger-start-'))
  const config = join(folder, 'claviger.yaml')
  writeFileSync(config, 'listen: { host: 127.0.0.1, port: 0 }\n')
  const startedMs = performance.now()
  const child = spawn('npm', ['start', '--', '--config', config], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  try {
    const url = await new Promise<string>((found, lost) => {
      let text = ''
      child.on('error', lost)
      child.on('exit', (code) => lost(new Error(`npm start ended with ${code}:\n${text}`)))
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        const match = /Listening +(http\S+)/.exec(text)
        if (match !== null) found(match[1] ?? '')
      })
    })
    await verifyFirstKey(url, readFileSync(join(folder, 'data/owner-credential'), 'utf8').trim())
    return performance.now() - startedMs
  } finally {
    process.kill(-(child.pid ?? 0), 'SIGTERM')
    await new Promise((settle) => child.once('close', settle))
    rmSync(folder, { recursive: true, force: true })
  }
}

async function verifyFirstKey(url: string, credential: string): Promise<void> {
  const call = async (path: string, body?: unknown): Promise<Record<string, unknown>> => {
    const response = await fetch(`${url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${credential}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return (await response.json()) as Record<string, unknown>
  }
  const { items } = (await call('/v1/apis')) as { items: { apiId: string; slug: string }[] }
  const api = items.find(({ slug }) => slug === 'demo')
  const environments = (await call(`/v1/environments?apiId=${api?.apiId}`)) as { items: { environmentId: string }[] }
  const key = await call('/v1/keys', { environmentId: environments.items[0]?.environmentId, name: 'first', permissions: ['demo:read'] })
  const verdict = await call('/v1/keys/verify', { key: key['secret'] })
  if (verdict['valid'] !== true) throw new Error(`the first key does not verify: ${JSON.stringify(verdict)}`)
}
