/**
 * Bad luck, at the real server: what a person is told, that nothing is lost, and that revoking still works.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { pidFileOf, serverFileOf } from '../../src/apps/own-server.ts'
import { killServers, ServerDidNotStart, startServerProcess, type ServerProcess } from '../support/server-process.ts'
import { createClient, type Client } from './workload.ts'

const program = resolve(import.meta.dirname, '../../src/apps/server/main.ts')

/** Runs with a folder of its own. */
async function inFolder(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'claviger-conditions-'))
  try {
    await work(directory)
  } finally {
    killServers()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function refusedStart(directory: string, config: readonly string[] = []): Promise<ServerDidNotStart> {
  try {
    const server = await startServerProcess({ directory, config })
    await server.stop('SIGKILL')
  } catch (error) {
    if (error instanceof ServerDidNotStart) return error
    throw error
  }
  assert.fail('the server started')
}

const isCalm = (printed: string): void => assert.ok(!/\n\s+at .*:\d+/.test(printed), `no stack trace for a person:\n${printed}`)

interface Stage {
  readonly client: Client
  readonly environmentId: string
  issue(name: string): Promise<{ readonly keyId: string; readonly secret: string }>
}

async function stageOn(server: ServerProcess): Promise<Stage> {
  const client = createClient(server.url, server.ownerSecret)
  const permissions = [{ name: 'chain:read', access: 'read', description: 'For tests.' }]
  const api = await client.send('POST', '/v1/apis', { slug: 'chain', name: 'Chain', prefix: 'chain', permissions })
  const environment = await client.send('POST', `/v1/apis/${String(api.json['apiId'])}/environments`, { kind: 'test' })
  const environmentId = String(environment.json['environmentId'])
  return {
    client, environmentId,
    async issue(name) {
      const { status, json } = await client.send('POST', '/v1/keys', { environmentId, name, permissions: ['chain:read'] })
      assert.equal(status, 201, JSON.stringify(json))
      return { keyId: String(json['keyId']), secret: String(json['secret']) }
    },
  }
}

test('a port in use: a sentence with the cure, exit code 1, and the data is as before', () => inFolder(async (directory) => {
  const other = createServer().listen(0, '127.0.0.1')
  await new Promise((settle) => other.once('listening', settle))
  const { port } = other.address() as AddressInfo
  writeFileSync(join(directory, 'claviger.yaml'), '')
  const { status, stderr } = spawnSync(process.execPath, [program, '--config', configWith(directory, `listen: { host: 127.0.0.1, port: ${port} }`)], { encoding: 'utf8' })
  assert.equal(status, 1)
  assert.match(stderr, new RegExp(`Port ${port} on 127\\.0\\.0\\.1 is in use`))
  isCalm(stderr)
  other.close()
  // The first start had founded everything; the next one finds it.
  const server = await startServerProcess({ directory })
  assert.equal((await createClient(server.url, server.ownerSecret).send('GET', '/v1/self')).status, 200)
  await server.stop('SIGTERM')
}))

function configWith(directory: string, ...lines: readonly string[]): string {
  const file = join(directory, 'other.yaml')
  writeFileSync(file, lines.join('\n'))
  return file
}

test('a second server on the same data directory is refused, and the first goes on', () => inFolder(async (directory) => {
  const server = await startServerProcess({ directory })
  const { code, printed } = await refusedStart(directory)
  assert.equal(code, 1)
  assert.match(printed, /Another Claviger server already runs on this data directory/)
  isCalm(printed)
  assert.equal((await createClient(server.url, server.ownerSecret).send('GET', '/v1/self')).status, 200)
  await server.stop('SIGTERM')
}))

test('a damaged database: it says so and what to do, and does not touch it', () => inFolder(async (directory) => {
  await (await startServerProcess({ directory })).stop('SIGTERM')
  const file = join(directory, 'data/claviger.db')
  const bytes = readFileSync(file)
  bytes.fill(0x5a, 0, 4096)
  writeFileSync(file, bytes)
  const { code, printed } = await refusedStart(directory)
  assert.equal(code, 1)
  assert.match(printed, /The database is damaged\. The operator must restore it from a backup\./)
  isCalm(printed)
  assert.deepEqual(readFileSync(file), bytes)
}))

test('a database of a newer version is refused with its cure', () => inFolder(async (directory) => {
  await (await startServerProcess({ directory })).stop('SIGTERM')
  const database = new DatabaseSync(join(directory, 'data/claviger.db'))
  database.exec(`INSERT INTO migrations (id, checksum, applied_at_ms, program_version) VALUES ('keys/0099-later', 'x', 1, '9.9.9')`)
  database.close()
  const { printed } = await refusedStart(directory)
  assert.match(printed, /keys\/0099-later, which this version does not know\. Start the version that wrote it, or a newer one\./)
  isCalm(printed)
}))

test('a root key that is missing, damaged, readable by others or another one is refused, and none is made anew', () => inFolder(async (directory) => {
  await (await startServerProcess({ directory })).stop('SIGTERM')
  const file = join(directory, 'data/root.key')
  const good = readFileSync(file)
  rmSync(file)
  assert.match((await refusedStart(directory)).printed, /root\.key is missing\. Restore it from its backup\./)
  assert.equal(statSync(file, { throwIfNoEntry: false }), undefined)
  writeFileSync(file, good.subarray(0, 30), { mode: 0o600 })
  assert.match((await refusedStart(directory)).printed, /is empty, cut short or altered/)
  writeFileSync(file, good)
  chmodSync(file, 0o644)
  assert.match((await refusedStart(directory)).printed, /is open to others \(mode 0644\)\. Run: chmod 600/)
  chmodSync(file, 0o600)
  await inFolder(async (elsewhere) => {
    await (await startServerProcess({ directory: elsewhere })).stop('SIGTERM')
    writeFileSync(file, readFileSync(join(elsewhere, 'data/root.key')))
    const { printed } = await refusedStart(directory)
    assert.match(printed, /belongs to another root key/)
    isCalm(printed)
  })
  writeFileSync(file, good)
  await (await startServerProcess({ directory })).stop('SIGTERM')
}))

test('a data directory that others can open is refused with its cure', () => inFolder(async (directory) => {
  mkdirSync(join(directory, 'data'), { mode: 0o755 })
  chmodSync(join(directory, 'data'), 0o755)
  const { code, printed } = await refusedStart(directory)
  assert.equal(code, 2)
  assert.match(printed, /is open to others \(mode 0755\)\. Run: chmod 700/)
}))

test('a killed key process is replaced while requests go on, and nothing that was asked is lost', () => inFolder(async (directory) => {
  const server = await startServerProcess({ directory })
  const { issue, client } = await stageOn(server)
  const before = await issue('before')
  const killing = (async () => {
    for (let times = 0; times < 5; times++) {
      for (const pid of keyProcessesOf(server.pid)) process.kill(pid, 'SIGKILL')
      await wait(150)
    }
  })()
  const issued: { keyId: string; secret: string }[] = []
  for (let turn = 0; turn < 25; turn++) {
    const consumer = await client.send('POST', '/v1/consumers', { reference: `customer-${turn}` })
    assert.equal(consumer.status, 201, JSON.stringify(consumer.json))
    issued.push(await issue(`while ${turn}`))
  }
  await killing
  for (const { secret } of [before, ...issued]) assert.equal((await client.send('POST', '/v1/keys/verify', { key: secret })).json['code'], 'valid')
  assert.match(server.output(), /key process ended; it is started again/)
  assert.equal((await server.stop('SIGTERM')).code, 0)
}))

/** The key process is the one child that gave up its user, or at least runs the other program. */
function keyProcessesOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter((text) => text !== '').map(Number)
  return children.filter((child) => {
    try {
      return readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('key-process')
    } catch {
      return false
    }
  })
}

/** `claviger audit verify` of a server, remembering in a folder what it saw. */
const verifiedBy = ({ url }: ServerProcess, home: string) => spawnSync(
  resolve(import.meta.dirname, '../../claviger'), ['audit', 'verify', '--url', url, '--credential-file', join(home, 'data/owner-credential')],
  { env: { ...process.env, HOME: home, XDG_STATE_HOME: '', XDG_CONFIG_HOME: '' }, encoding: 'utf8' },
)

test('with the key process gone for good, revoking still works and says what it could not write', () => inFolder(async (directory) => {
  const server = await startServerProcess({ directory })
  const { issue, client } = await stageOn(server)
  const key = await issue('leaked')
  const fresh = await issue('fresh')
  assert.equal(verifiedBy(server, directory).status, 0)
  // It cannot come back: its root key is out of reach.
  chmodSync(join(directory, 'data/root.key'), 0o644)
  for (const pid of keyProcessesOf(server.pid)) process.kill(pid, 'SIGKILL')
  const revoked = await client.send('POST', `/v1/keys/${key.keyId}/revoke`, { reason: 'key-compromise' })
  assert.equal(revoked.status, 200, JSON.stringify(revoked.json))
  assert.equal((await client.send('POST', '/v1/keys/verify', { key: key.secret })).json['code'], 'revoked')
  assert.equal((await client.send('POST', '/v1/keys/verify', { key: fresh.secret })).json['code'], 'valid')
  assert.equal((await client.send('POST', '/v1/consumers', { reference: 'new' })).status, 503, 'what grants waits')
  const check = verifiedBy(server, directory)
  assert.equal(check.status, 6, 'a row that no checkpoint can cover yet is no forgery: ' + check.stderr)
  assert.match(check.stderr, /not ready, and signed no checkpoint/)
  chmodSync(join(directory, 'data/root.key'), 0o600)
  await eventually(async () => (await client.send('POST', '/v1/consumers', { reference: 'newer' })).status === 201)
  assert.equal((await server.stop('SIGTERM')).code, 0)
}))

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 15_000; ; await wait(100)) {
    if (await holds()) return
    assert.ok(Date.now() < deadline, 'it did not come about')
  }
}

test('a clock that is set back revives no expired key, and the operator is told', { skip: hasFaketime() }, () => inFolder(async (directory) => {
  const server = await startServerProcess({ directory })
  const { client, environmentId } = await stageOn(server)
  const expiresAt = new Date(Date.now() + 2_000).toISOString()
  const { json } = await client.send('POST', '/v1/keys', { environmentId, name: 'short', permissions: ['chain:read'], expiresAt })
  const key = String(json['secret'])
  assert.equal((await client.send('POST', '/v1/keys/verify', { key })).json['code'], 'valid')
  await wait(2_100)
  assert.equal((await client.send('POST', '/v1/keys/verify', { key })).json['code'], 'expired')
  // A commit after the expiry fixes how late it is.
  await client.send('POST', '/v1/consumers', { reference: 'later' })
  await server.stop('SIGTERM')
  const back = await startServerProcess({ directory, wrapper: ['faketime', '-f', '-1h'] })
  assert.equal((await createClient(back.url, back.ownerSecret).send('POST', '/v1/keys/verify', { key })).json['code'], 'expired')
  assert.match(back.output(), /the clock stands below times that were committed/)
  await back.stop('SIGTERM')
}))

test('a clock that is years ahead is refused at the start, and expires nothing', { skip: hasFaketime() }, () => inFolder(async (directory) => {
  const server = await startServerProcess({ directory })
  const { issue } = await stageOn(server)
  const { secret } = await issue('lasting')
  await server.stop('SIGTERM')
  const ahead = (time: string, config: readonly string[] = []) => startServerProcess({ directory, wrapper: ['faketime', '-f', time], config })
  await assert.rejects(ahead('+4380d'), (error) => {
    assert.ok(error instanceof ServerDidNotStart)
    assert.equal(error.code, 1)
    assert.match(error.printed, /The clock says 20\d\d-\S+Z, more than 366 days after the last time that was committed \(20\d\d-\S+Z\)\./)
    assert.match(error.printed, /`acceptClockAhead: true`/)
    isCalm(error.printed)
    return true
  })
  // Within a year of the last commit nobody is asked; and after the wrong start everything is as it was.
  const right = await startServerProcess({ directory })
  assert.equal((await createClient(right.url, right.ownerSecret).send('POST', '/v1/keys/verify', { key: secret })).json['code'], 'valid')
  await right.stop('SIGTERM')
  const accepted = await ahead('+4380d', ['acceptClockAhead: true'])
  await accepted.stop('SIGTERM')
  assert.match(accepted.output(), /take the setting out again/)
}))

function hasFaketime(): false | string {
  return spawnSync('faketime', ['--version']).status === 0 ? false : 'faketime is not installed (Debian: faketime)'
}

const mountable = spawnSync('unshare', ['-m', 'true']).status === 0 && process.getuid?.() === 0 ? false : 'mounting a small disk takes root'

/** A real file system of 32 MiB. */
async function onSmallDisk(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'claviger-small-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', directory])
  try {
    await work(directory)
  } finally {
    killServers()
    execFileSync('umount', ['-l', directory])
    rmSync(directory, { recursive: true, force: true })
  }
}

test('a full disk: grants are refused with 507, revocations go on, and when there is space everything does', { skip: mountable }, () => onSmallDisk(async (directory) => {
  const server = await startServerProcess({ directory })
  const { issue, client, environmentId } = await stageOn(server)
  const keys = [await issue('one'), await issue('two')]
  fill(join(directory, 'filler'))
  let refused = 0
  for (let turn = 0; turn < 200 && refused === 0; turn++) {
    const { status, json } = await client.send('POST', '/v1/keys', { environmentId, name: `x${'y'.repeat(60)}`, permissions: ['chain:read'] })
    if (status !== 201) {
      assert.deepEqual([status, json['code']], [507, 'storage/full'])
      refused++
    }
  }
  assert.equal(refused, 1, 'the disk was full at last')
  for (const { keyId, secret } of keys) {
    // Whoever filled the disk goes on filling it.
    fill(join(directory, 'filler'))
    const { status, json } = await client.send('POST', `/v1/keys/${keyId}/revoke`, { reason: 'key-compromise' })
    assert.equal(status, 200, JSON.stringify(json))
    assert.equal((await client.send('POST', '/v1/keys/verify', { key: secret })).json['code'], 'revoked')
  }
  truncateSync(join(directory, 'filler'), 0)
  await eventually(async () => (await client.send('POST', '/v1/keys', { environmentId, name: 'after', permissions: ['chain:read'] })).status === 201)
  assert.equal((await server.stop('SIGTERM')).code, 0)
  const again = await startServerProcess({ directory })
  const { json } = await createClient(again.url, again.ownerSecret).send('GET', `/v1/keys/${keys[0]?.keyId}`)
  assert.equal(json['status'], 'revoked')
  await again.stop('SIGTERM')
}))

test('a server starts on a full disk, says what it could not write, and revokes', { skip: mountable }, () => onSmallDisk(async (directory) => {
  const first = await startServerProcess({ directory })
  const { keyId, secret } = await (await stageOn(first)).issue('leaked')
  await first.stop('SIGKILL')
  fill(join(directory, 'filler'))
  const server = await startServerProcess({ directory })
  const client = createClient(server.url, server.ownerSecret)
  const { status, json } = await client.send('POST', `/v1/keys/${keyId}/revoke`, { reason: 'key-compromise' })
  assert.equal(status, 200, JSON.stringify(json))
  assert.equal((await client.send('POST', '/v1/keys/verify', { key: secret })).json['code'], 'revoked')
  assert.match(server.output(), /cannot say where this server listens/)
  // The one that was killed left its own: a process id that may be anybody's by now.
  assert.deepEqual([existsSync(serverFileOf(server.dataDirectory)), existsSync(pidFileOf(server.dataDirectory))], [false, false])
  assert.equal((await server.stop('SIGTERM')).code, 0)
}))

/** Until not a byte is left. */
function fill(path: string): void {
  for (let chunk = 1_048_576; chunk >= 1; ) {
    try {
      appendFileSync(path, Buffer.alloc(chunk, 1))
    } catch {
      chunk = Math.floor(chunk / 2)
    }
  }
}

test('a disk that cannot be written: the start says so, exit code 1, and nothing is changed', { skip: mountable }, () => onSmallDisk((directory) => inFolder(async (elsewhere) => {
  await (await startServerProcess({ directory })).stop('SIGTERM')
  const config = configWith(elsewhere, 'listen: { host: 127.0.0.1, port: 0 }', `dataDirectory: ${directory}/data`)
  execFileSync('mount', ['-o', 'remount,ro', directory])
  const { status, stderr } = spawnSync(process.execPath, [program, '--config', config], { encoding: 'utf8' })
  execFileSync('mount', ['-o', 'remount,rw', directory])
  assert.equal(status, 1)
  assert.match(stderr, /The database cannot be written\. The operator must give the server write access/)
  isCalm(stderr)
  await (await startServerProcess({ directory })).stop('SIGTERM')
})))

test('a database that another program keeps locked: writes are refused with 503 or wait, reads go on, and it recovers', () => inFolder(async (directory) => {
  const server = await startServerProcess({ directory })
  const { issue, client, environmentId } = await stageOn(server)
  const key = await issue('one')
  // The server writes by itself now and then: its lock is waited for.
  const other = new DatabaseSync(join(directory, 'data/claviger.db'), { timeout: 10_000 })
  other.exec('BEGIN IMMEDIATE')
  const create = () => client.send('POST', '/v1/keys', { environmentId, name: 'two', permissions: ['chain:read'] })
  const { status, json } = await create()
  assert.deepEqual([status, json['code']], [503, 'storage/locked'])
  assert.equal((await client.send('POST', '/v1/keys/verify', { key: key.secret })).json['code'], 'valid')
  other.exec('ROLLBACK')
  other.close()
  await eventually(async () => (await create()).status === 201)
  assert.equal((await server.stop('SIGTERM')).code, 0)
}))
