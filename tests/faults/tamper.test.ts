/**
 * Somebody with write access to the database file: what they edit verifies nowhere, and `claviger audit verify` names it.
 *
 * K8, S7, and the product invariant I7: who can write to the database still cannot resurrect or widen a key.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { startServerProcess, type ServerProcess } from '../support/server-process.ts'
import { createClient } from './workload.ts'

const cli = resolve(import.meta.dirname, '../../claviger')
const original = mkdtempSync(join(tmpdir(), 'claviger-tamper-'))

interface Issued {
  readonly keyId: string
  readonly secret: string
}

/** Filled by `before`: keys of every kind that an attacker would want to change. */
const keys: Record<'active' | 'revoked' | 'disabled' | 'narrow' | 'other', Issued> = {} as never
/** Rows as they once were: what an attacker copied out before the key was revoked. */
let olderRow: Record<string, unknown> = {}
let olderHead: Record<string, unknown> = {}

before(async () => {
  const server = await startServerProcess({ directory: original })
  const client = createClient(server.url, server.ownerSecret)
  const permissions = ['read', 'write'].map((access) => ({ name: `chain:${access}`, access, description: 'For tests.' }))
  const api = await client.send('POST', '/v1/apis', { slug: 'chain', name: 'Chain', prefix: 'chain', permissions })
  const environment = await client.send('POST', `/v1/apis/${String(api.json['apiId'])}/environments`, { kind: 'test' })
  for (const name of ['active', 'revoked', 'disabled', 'narrow', 'other'] as const) {
    const { status, json } = await client.send('POST', '/v1/keys', { environmentId: environment.json['environmentId'], name, permissions: ['chain:read'] })
    assert.equal(status, 201, JSON.stringify(json))
    keys[name] = { keyId: String(json['keyId']), secret: String(json['secret']) }
  }
  await server.stop('SIGTERM')
  olderRow = withDatabase(original, (database) => ({ ...database.prepare('SELECT * FROM keys WHERE id = ?').get(keys.revoked.keyId) }))
  olderHead = withDatabase(original, (database) => ({ ...database.prepare('SELECT * FROM row_heads WHERE id = ?').get(`keys/${keys.revoked.keyId}`) }))
  const again = await startServerProcess({ directory: original })
  const second = createClient(again.url, again.ownerSecret)
  await second.send('POST', `/v1/keys/${keys.revoked.keyId}/revoke`, { reason: 'key-compromise' })
  await second.send('POST', `/v1/keys/${keys.disabled.keyId}/disable`)
  await again.stop('SIGTERM')
})

after(() => rmSync(original, { recursive: true, force: true }))

function withDatabase<Result>(directory: string, work: (database: DatabaseSync) => Result): Result {
  const database = new DatabaseSync(join(directory, 'data/claviger.db'))
  try {
    return work(database)
  } finally {
    database.close()
  }
}

interface Attack {
  readonly name: string
  /** The key that must verify nowhere afterwards. */
  readonly victim: keyof typeof keys
  /** Another key whose row is wrong too: the audit names the first that it comes to. */
  readonly besides?: keyof typeof keys
  readonly edit: (database: DatabaseSync) => void
}

const set = (column: string, value: string | number | bigint, victim: keyof typeof keys): Attack['edit'] =>
  (database) => void database.prepare(`UPDATE keys SET ${column} = ? WHERE id = ?`).run(value, keys[victim].keyId)

const attacks: readonly Attack[] = [
  { name: 'a revoked key is set to active', victim: 'revoked', edit: (database) => {
    database.prepare(`UPDATE keys SET status = 'active', revoked_at_ms = NULL, revocation_reason = NULL WHERE id = ?`).run(keys.revoked.keyId)
  } },
  { name: 'a disabled key is set to active', victim: 'disabled', edit: (database) => set('status', 'active', 'disabled')(database) },
  { name: 'permissions are widened', victim: 'narrow', edit: (database) => set('permissions', '["chain:read","chain:write"]', 'narrow')(database) },
  { name: 'an expiry is moved', victim: 'active', edit: (database) => set('expires_at_ms', Date.now() + 10 * 365 * 86_400_000, 'active')(database) },
  { name: 'an expiry is set that is beyond every number', victim: 'active', edit: (database) => set('expires_at_ms', 2n ** 60n, 'active')(database) },
  { name: 'an expiry is set that never comes', victim: 'active', edit: (database) => database.exec(`UPDATE keys SET expires_at_ms = 9e999 WHERE id = '${keys.active.keyId}'`) },
  { name: 'addresses are freed', victim: 'active', edit: (database) => set('ip_ranges', '["0.0.0.0/0"]', 'active')(database) },
  { name: 'a seal is overwritten', victim: 'active', edit: (database) => {
    database.prepare('UPDATE keys SET mac = zeroblob(32) WHERE id = ?').run(keys.active.keyId)
  } },
  { name: 'a hash is replaced by that of another key', victim: 'other', edit: (database) => {
    database.prepare('UPDATE keys SET hash = (SELECT hash FROM keys WHERE id = ?) WHERE id = ?').run(keys.active.keyId, keys.other.keyId)
  } },
  { name: 'two rows are swapped, seals and all', victim: 'active', besides: 'other', edit: (database) => {
    const [one, two] = [keys.active.keyId, keys.other.keyId]
    database.exec(`UPDATE keys SET id = 'swap' WHERE id = '${one}'; UPDATE keys SET id = '${one}' WHERE id = '${two}'; UPDATE keys SET id = '${two}' WHERE id = 'swap'`)
  } },
  { name: 'a row is restored from an older copy, seal and all', victim: 'revoked', edit: (database) => putBack(database, 'keys', olderRow) },
  { name: 'a revoked row and its head are both restored from an older copy', victim: 'revoked', edit: (database) => {
    putBack(database, 'keys', olderRow)
    putBack(database, 'row_heads', olderHead)
  } },
]

function putBack(database: DatabaseSync, table: string, row: Readonly<Record<string, unknown>>): void {
  const names = Object.keys(row)
  database.prepare(`REPLACE INTO ${table} (${names.join()}) VALUES (${names.map(() => '?').join()})`).run(...(Object.values(row) as (string | number | Uint8Array | null)[]))
}

for (const attack of attacks) {
  test(`${attack.name}: the key is refused as tampered, before and after a restart, and the audit names its row`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'claviger-tamper-'))
    cpSync(original, directory, { recursive: true })
    chmodSync(join(directory, 'data'), 0o700)
    const server = await startServerProcess({ directory })
    try {
      // While the server runs, with its memory full of what was true.
      withDatabase(directory, (database) => {
        database.exec('PRAGMA busy_timeout = 5000')
        attack.edit(database)
      })
      await refusedSoon(server, keys[attack.victim].secret)
    } finally {
      await server.stop('SIGTERM')
    }
    const again = await startServerProcess({ directory })
    try {
      await refusedSoon(again, keys[attack.victim].secret)
      assert.equal(await verdictOf(again, keys.narrow.secret), attack.victim === 'narrow' ? 'tampered' : 'valid', 'the other keys go on')
    } finally {
      await again.stop('SIGTERM')
    }
    const { status, stdout, stderr } = spawnSync(cli, ['audit', 'verify', join(directory, 'data')], {
      encoding: 'utf8', env: { ...process.env, XDG_STATE_HOME: join(directory, 'state') },
    })
    assert.notEqual(status, 0, `the audit passed:\n${stdout}${stderr}`)
    const named = [attack.victim, attack.besides ?? attack.victim].some((name) => `${stdout}${stderr}`.includes(keys[name].keyId))
    assert.ok(named, `the audit does not name ${keys[attack.victim].keyId}:\n${stdout}${stderr}`)
    rmSync(directory, { recursive: true, force: true })
  })
}

const removals: readonly { readonly what: string; readonly statements: string; readonly told: RegExp }[] = [
  { what: 'its row', statements: 'DELETE FROM workspaces', told: /row workspaces\/wsp_\w{16}: The log says that the row was written/ },
  { what: 'its row and its entries', statements: 'DELETE FROM workspaces; DELETE FROM entries', told: /WRONG/ },
  { what: 'all that a log leaves', statements: 'DELETE FROM workspaces; DELETE FROM entries; DELETE FROM log_heads', told: /There is no log in this database/ },
]

for (const { what, statements, told } of removals) {
  test(`a workspace of which somebody removed ${what} does not escape the audit`, () => {
    const directory = mkdtempSync(join(tmpdir(), 'claviger-tamper-'))
    cpSync(original, directory, { recursive: true })
    chmodSync(join(directory, 'data'), 0o700)
    withDatabase(directory, (database) => database.exec(statements))
    const { status, stdout, stderr } = spawnSync(cli, ['audit', 'verify', join(directory, 'data')], {
      encoding: 'utf8', env: { ...process.env, XDG_STATE_HOME: join(directory, 'state') },
    })
    assert.equal(status, 11, `${stdout}${stderr}`)
    assert.match(stderr.replaceAll(/\s+/g, ' '), told)
    rmSync(directory, { recursive: true, force: true })
  })
}

test('before anything is edited, the keys verify as they stand and the audit passes', async () => {
  const server = await startServerProcess({ directory: original })
  try {
    for (const [name, code] of [['active', 'valid'], ['narrow', 'valid'], ['revoked', 'revoked'], ['disabled', 'disabled']] as const) {
      assert.equal(await verdictOf(server, keys[name].secret), code, name)
    }
  } finally {
    await server.stop('SIGTERM')
  }
  const { status, stdout, stderr } = spawnSync(cli, ['audit', 'verify', join(original, 'data')], {
    encoding: 'utf8', env: { ...process.env, XDG_STATE_HOME: join(original, 'state') },
  })
  assert.equal(status, 0, `${stdout}${stderr}`)
})

async function verdictOf(server: ServerProcess, secret: string): Promise<unknown> {
  const client = createClient(server.url, server.ownerSecret)
  const { json } = await client.send('POST', '/v1/keys/verify', { key: secret })
  client.close()
  return json['code']
}

/** A running server notices another's write within its polling interval. */
async function refusedSoon(server: ServerProcess, secret: string): Promise<void> {
  let code: unknown = 'nothing'
  for (const deadline = Date.now() + 5_000; Date.now() < deadline; await new Promise((settle) => setTimeout(settle, 50))) {
    code = await verdictOf(server, secret)
    if (code === 'tampered') return
  }
  assert.fail(`the running server still answers ${String(code)}`)
}
