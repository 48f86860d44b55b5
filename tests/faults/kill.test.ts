/**
 * The real server, killed with SIGKILL at random moments under concurrent writes, again and again on the same data.
 *
 * Product invariant I1: an acknowledged write survives. S2: nothing is half done.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { unsafeSeededRandom } from '#core/crypto/random'
import { startServerProcess, type ServerProcess } from '../support/server-process.ts'
import { createClient, newWorkload, writeUntilGone, type Client, type KnownKey, type Workload } from './workload.ts'
import { join, resolve } from 'node:path'

const rounds = Number(process.env['CLAVIGER_KILL_ROUNDS'] ?? 200)
const verifyEvery = 50
/** Uses are counted when they are cut into blocks, a second later; not every round waits for that. */
const usesEvery = 5
const cli = resolve(import.meta.dirname, '../../claviger')

test(`${rounds} times killed under concurrent writes: every acknowledged write is there, the log verifies, nothing is half done`, async () => {
  const seed = process.env['CLAVIGER_SEED'] ?? String(Date.now())
  const random = unsafeSeededRandom(seed)
  let server = await startServerProcess()
  const { directory, dataDirectory, ownerSecret } = server
  let all = 0
  try {
    const environmentId = await prepare(server)
    for (let round = 1; round <= rounds; round++) {
      const workload = newWorkload()
      const client = createClient(server.url, ownerSecret)
      const writing = writeUntilGone(client, environmentId, workload, random)
      await wait((random.bytes(1)[0] ?? 0) % 200)
      await Promise.all([server.stop('SIGKILL'), writing])
      client.close()
      if (round % verifyEvery === 0 || round === rounds) verifyOffline(dataDirectory, seed, round)
      server = await startServerProcess({ directory })
      await check(server, workload, `seed ${seed}, round ${round}`, round % usesEvery === 0 || round === rounds)
      all += workload.acknowledged
    }
    assert.ok(all > rounds * 3, `only ${all} writes were acknowledged in ${rounds} rounds`)
    const { code } = await server.stop('SIGTERM')
    assert.equal(code, 0, 'it drains and exits 0')
    verifyOffline(dataDirectory, seed, rounds + 1)
  } finally {
    await server.stop('SIGKILL').catch(() => {})
    execFileSync('rm', ['-rf', directory])
  }
})

/** An API whose environment records every use durably. */
async function prepare(server: ServerProcess): Promise<string> {
  const client = createClient(server.url, server.ownerSecret)
  const permissions = [{ name: 'chain:read', access: 'read', description: 'Read blocks.' }]
  const api = await client.send('POST', '/v1/apis', { slug: 'chain', name: 'Chain', prefix: 'chain', permissions })
  assert.equal(api.status, 201, JSON.stringify(api.json))
  const environment = await client.send('POST', `/v1/apis/${String(api.json['apiId'])}/environments`, { kind: 'production', recording: 'durable', policy: { maxLifetimeDays: 90, requireIpRanges: false } })
  assert.equal(environment.status, 201, JSON.stringify(environment.json))
  client.close()
  return String(environment.json['environmentId'])
}

/** `claviger audit verify` on the data directory of the dead server. */
function verifyOffline(dataDirectory: string, seed: string, round: number): void {
  try {
    execFileSync(cli, ['audit', 'verify', dataDirectory], { encoding: 'utf8', stdio: 'pipe', env: { ...process.env, XDG_STATE_HOME: join(dataDirectory, '..', 'state') } })
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    assert.fail(`seed ${seed}, round ${round}: the log does not verify\n${stdout}\n${stderr}`)
  }
}

async function check(server: ServerProcess, workload: Workload, where: string, withUses: boolean): Promise<void> {
  const client = createClient(server.url, server.ownerSecret)
  try {
    for (const key of workload.keys.values()) await checkKey(client, key, where)
    if (withUses) for (const key of workload.keys.values()) await checkUses(client, key, where)
    for (const [entryId, target] of workload.entries) {
      const { status, json } = await client.send('GET', `/v1/audit/entries/${entryId}`)
      assert.deepEqual([status, json['target']], [200, target], `${where}: entry ${entryId}`)
    }
  } finally {
    client.close()
  }
}

async function checkKey(client: Client, key: KnownKey, where: string): Promise<void> {
  const { status, json } = await client.send('GET', `/v1/keys/${key.keyId}`)
  assert.equal(status, 200, `${where}: ${key.keyId} is gone`)
  assert.equal(json['genuine'], true, `${where}: ${key.keyId} is not genuine`)
  const version = Number(json['version'])
  if (!key.pending) assert.deepEqual([json['status'], version], [key.status, key.version], `${where}: ${key.keyId}`)
  else assert.ok(version === key.version || version === key.version + 1, `${where}: ${key.keyId} has version ${version} after ${key.version}`)
  const verdict = await client.send('POST', '/v1/keys/verify', { key: key.secret })
  assert.equal(verdict.json['valid'], json['status'] === 'active', `${where}: ${key.keyId} verifies as it stands`)
}

/** Durable uses: all that were answered are recorded, and the one that `checkKey` made may be. */
async function checkUses(client: Client, key: KnownKey, where: string): Promise<void> {
  const recorded = await usesOf(client, key.keyId, key.uses)
  assert.ok(recorded >= key.uses && recorded <= key.uses + key.usesPending + 1, `${where}: ${key.keyId} has ${recorded} uses; ${key.uses} were answered, ${key.usesPending} were under way`)
}

/** Uses are counted when they are cut into a block, within about a second. */
async function usesOf(client: Client, keyId: string, atLeast: number): Promise<number> {
  for (const deadline = Date.now() + 10_000; ; await wait(50)) {
    const { json } = await client.send('GET', `/v1/keys/${keyId}`)
    const { valid, denied } = json['uses'] as { valid: number; denied: number }
    if (valid + denied >= atLeast || Date.now() > deadline) return valid + denied
  }
}
