/** B6: a million keys, each in turn, against a thousand: throughput, memory, and how soon a server is ready. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '#core/base/id'
import { systemRandom } from '#core/crypto/random'
import { readGenuine } from '#core/storage/guarded-read'
import { createRecorder, createSubjects } from '#cap/audit'
import { apiTable, createPeppers, environmentTable, issueKey } from '#cap/keys'
import { startServerProcess, type ServerProcess } from '../tests/support/server-process.ts'
import { startTestInstance, call } from '../tests/support/instance.ts'
import { load } from './support/load.ts'
import { interleave, median, ms, spreadOf, times, type Row } from './support/table.ts'

const many = 1_000_000
const few = 1_000
const rounds = 3
/** A commit's rows; as many as one audit entry can name. */
const keysPerEntry = 400
const memoryBudgetMiB = 300
const readyBudgetMs = 5_000
const leastRatio = 0.9

export async function measure(): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'claviger-million-'))
  const config = ['log: { level: warn }']
  try {
    const tokens = await seed(folder)
    const [manyFile, fewFile] = [join(folder, 'many'), join(folder, 'few')]
    const body = (token: string): string => JSON.stringify({ key: token, permissions: { all: ['rpc:read'] } })
    writeFileSync(manyFile, tokens.map(body).join('\n'))
    writeFileSync(fewFile, tokens.slice(0, few).map(body).join('\n'))
    const startedMs = performance.now()
    const server = await startServerProcess({ directory: folder, config })
    const readyMs = performance.now() - startedMs
    try {
      await settled(server)
      const order = {
        port: Number(new URL(server.url).port), path: '/v1/keys/verify', credential: server.ownerSecret, connections: 64,
        warmUpMs: 1_000, status: 200, mustHold: '"valid":true',
      }
      // Long enough that every one of the million comes by.
      const comparison = await interleave(rounds,
        async () => (await load({ ...order, bodiesFile: manyFile, durationMs: 60_000 })).perSecond,
        async () => (await load({ ...order, bodiesFile: fewFile, durationMs: 10_000 })).perSecond)
      const memoryMiB = residentMiB(server.pid)
      const perSecond = (value: number): string => `${(value / 1000).toFixed(1)} k/s`
      return [
        {
          budget: 'B6', what: '1,000,000 keys, each in turn', measured: perSecond(median(comparison.ours)), against: `1,000 keys ${perSecond(median(comparison.theirs))}`,
          wanted: `≥ ${leastRatio} ×`, reached: times(comparison.ratio), spread: spreadOf(comparison.ratios, times), holds: comparison.ratio >= leastRatio,
        },
        { budget: 'B6', what: '… the server\'s memory', measured: `${memoryMiB} MiB`, against: '', wanted: `≤ ${memoryBudgetMiB} MiB`, reached: `${memoryMiB} MiB`, spread: '', holds: memoryMiB <= memoryBudgetMiB },
        { budget: 'B6', what: '… from its start to ready', measured: ms(readyMs), against: '', wanted: `< ${readyBudgetMs / 1000} s`, reached: ms(readyMs), spread: '', holds: readyMs < readyBudgetMs },
      ]
    } finally {
      await server.stop('SIGTERM')
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Issues a million keys by the rooms' own functions, a commit for each 400. @returns their tokens */
async function seed(folder: string): Promise<string[]> {
  const dataDirectory = join(folder, 'data')
  mkdirSync(dataDirectory, { mode: 0o700 })
  const test = await startTestInstance({ dataDirectory, keyProcess: 'child' })
  const { storage, guard, keyring, clock } = test.instance
  const permissions = [{ name: 'rpc:read', access: 'read', description: 'Reading methods.' }]
  const made = await call(test, 'POST', '/v1/apis', { slug: 'bench', name: 'Bench', prefix: 'bench', permissions })
  const below = await call(test, 'POST', `/v1/apis/${String(made.json['apiId'])}/environments`, { kind: 'development' })
  const reader = storage.reader<never>()
  const api = await readGenuine(reader, guard, apiTable, String(made.json['apiId']))
  const environment = await readGenuine(reader, guard, environmentTable, String(below.json['environmentId']))
  if (api === null || environment === null) throw new Error('the API is not there')
  const hash = await createPeppers(keyring).load(test.workspaceId, environment.id, environment.pepper_version)
  const recorder = createRecorder({ storage, guard, keyring, subjects: createSubjects(keyring), clock, random: systemRandom })
  const tokens: string[] = []
  while (tokens.length < many) {
    const atMs = clock.now()
    const issuer = { atMs, random: systemRandom, principalId: newId('prn', systemRandom) }
    const decisions = Array.from({ length: Math.min(keysPerEntry, many - tokens.length) }, () =>
      issueKey(issuer, { api, environment, permissions: ['rpc:read'], hash, terms: { name: 'seeded' } }))
    await recorder.recordChanges([{
      workspaceId: test.workspaceId, atMs, event: 'keys.seeded', operation: 'bench', actor: { system: 'bench' }, target: environment.id,
      facts: { keys: decisions.length }, details: [], writes: decisions.flatMap(({ writes }) => writes), expects: [], erases: [], takesAway: false,
    }])
    for (const { output } of decisions) tokens.push(output.secret)
  }
  await test.close()
  return tokens
}

/** Until the memory of keys is filled in the background: its processor time stands still. */
async function settled({ pid }: ServerProcess): Promise<void> {
  const ticks = (): number => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return Number(fields[11]) + Number(fields[12])
  }
  for (let [before, calm] = [ticks(), 0]; calm < 3; ) {
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    const now = ticks()
    calm = now - before < 10 ? calm + 1 : 0
    before = now
  }
}

const residentMiB = (pid: number): number =>
  Math.round(Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024)
