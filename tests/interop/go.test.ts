/** A stranger's tool: what golang.org/x/mod/sumdb makes of a running server's log. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { exportLog, httpSource } from '#cap/audit'
import { call } from '../support/instance.ts'
import { startRunningLog, type RunningLog } from './running-log.ts'

const folder = mkdtempSync(join(tmpdir(), 'claviger-interop-'))
const program = join(folder, 'interop')
const skip = build()

/** False, or why there is no program to run. */
function build(): string | false {
  // What is pinned is what is built: no newer toolchain is fetched, and `go.sum` is not added to.
  const env = { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly -buildvcs=false' }
  const { error, status, stderr } = spawnSync('go', ['build', '-o', program, '.'], { cwd: join(import.meta.dirname, 'go'), env, encoding: 'utf8' })
  if (error !== undefined) return 'Go is not installed'
  if (status === 0) return false
  const reason = stderr.trim().split('\n').at(-1) ?? ''
  if (/dial tcp|no such host|connection refused|i\/o timeout|proxy|requires go >= /i.test(stderr)) return `golang.org/x/mod cannot be had: ${reason}`
  throw new Error(`the Go program does not build:\n${stderr}`)
}

let log: RunningLog
const fileOf = (name: string, content: string): string => {
  const path = join(folder, name)
  writeFileSync(path, content, { mode: 0o600 })
  return path
}

before(async () => {
  if (skip === false) log = await startRunningLog()
})

after(async () => {
  if (skip === false) await log.server.close()
  rmSync(folder, { recursive: true, force: true })
})

async function keysFile(): Promise<string> {
  const { json } = await call(log.server, 'GET', `/v1/logs/${log.server.workspaceId}/keys`)
  const keys = json['keys'] as readonly { verifierKey: string }[]
  assert.equal(keys.length, 2)
  return fileOf('keys', keys.map(({ verifierKey }) => `${verifierKey}\n`).join(''))
}

interface Answer {
  readonly code: number | null
  readonly accepted: readonly string[]
  readonly refused: readonly string[]
  readonly said: string
}

/** Runs the program beside the server, which lives in this very process. */
async function run(...args: readonly string[]): Promise<Answer> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const closed = once(child, 'close')
  const [out, said] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [code] = (await closed) as [number | null]
  const told = (start: string): string[] => out.split('\n').filter((line) => line.startsWith(start)).map((line) => line.slice(start.length))
  return { code, accepted: told('accepted: '), refused: told('refused: '), said: said.trim() }
}

test('golang.org/x/mod accepts checkpoint, tiles, proofs and a receipt of a running server, and refuses each with a byte flipped', { skip }, async () => {
  const { url, workspaceId, ownerSecret } = log.server
  const { json } = await call(log.server, 'GET', '/v1/audit/entries?event=key.revoked')
  const [entry] = json['items'] as readonly { entryId: string }[]
  const { text: receipt } = await call(log.server, 'GET', `/v1/audit/entries/${entry!.entryId}/receipt`)
  const { code, accepted, refused, said } = await run(
    '-keys', await keysFile(), '-url', url, '-workspace', workspaceId,
    '-credential-file', fileOf('credential', ownerSecret), '-receipt', fileOf('revocation.tlog-proof', receipt),
  )
  assert.deepEqual([code, said], [0, ''])
  const size = Number(/^checkpoint of ([0-9]+) entries$/.exec(accepted[0] ?? '')?.[1])
  assert.ok(size > 256, 'more than a tile')
  assert.deepEqual(accepted.slice(1), [
    'tree hash from the tiles', `${size} entries in their tiles`,
    ...[0, 1, Math.floor(size / 2), size - 1].map((index) => `inclusion proof of entry ${index}`),
    ...[1, 2, Math.floor(size / 2), size - 1].map((from) => `consistency proof from ${from} to ${size}`),
    'receipt',
  ])
  for (const what of ['checkpoint with', 'tile/0/000 with', 'tile/0/001.p/', 'inclusion proof', 'consistency proof', 'receipt with']) {
    assert.ok(refused.some((line) => line.startsWith(what)), what)
  }
})

test('golang.org/x/mod accepts an exported log, and not one whose first tile, entries or checkpoint were changed', { skip }, async () => {
  const { url, workspaceId, ownerSecret } = log.server
  const directory = join(folder, 'export')
  assert.equal((await exportLog(httpSource({ fetch, url, credential: ownerSecret, workspaceId }), directory)).ok, true)
  const keys = join(directory, 'keys')
  const good = await run('-keys', keys, '-dir', directory)
  assert.deepEqual([good.code, good.said], [0, ''])
  for (const [name, expected] of [['tile/0/000', /not accepted/], ['tile/entries/000', /not accepted: .* entry 0 /], ['checkpoint', /not accepted: checkpoint/]] as const) {
    const file = join(directory, name)
    const before = readFileSync(file)
    const changed = Buffer.from(before)
    changed[40]! ^= 1
    writeFileSync(file, changed)
    const { code, said } = await run('-keys', keys, '-dir', directory)
    writeFileSync(file, before)
    assert.equal(code, 1, name)
    assert.match(said, expected)
  }
})
