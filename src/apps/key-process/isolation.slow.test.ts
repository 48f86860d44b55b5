import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { spawnChild } from '#core/crypto/key-process/child'
import { createInlineKeyProcess, startKeyProcess } from '#core/crypto/key-process/client'
import { contexts, spellings } from '#core/crypto/key-process/fixtures'
import { decodeRootKey } from '#core/crypto/key-process/root-key-file'
import { keyProcessProgram } from './program.ts'

const folder = mkdtempSync(join(tmpdir(), 'claviger-isolation-'))
after(() => rmSync(folder, { recursive: true }))

const isRoot = process.getuid?.() === 0
const onLinux = { skip: process.platform === 'linux' ? false : 'reads /proc' }
const asRoot = { skip: process.platform === 'linux' && isRoot ? false : 'needs Linux and root' }

let files = 0
const newPath = (name: string) => join(folder, `${name}-${++files}`)
const proc = (pid: number, file: string) => readFileSync(`/proc/${pid}/${file}`, 'latin1')

async function started(context: TestContext) {
  const rootKeyFile = newPath('root-key')
  const options = { program: keyProcessProgram, rootKeyFile, createIfMissing: true, onEvent() {} }
  const keyProcess = await startKeyProcess(options)
  context.after(() => keyProcess.close())
  return keyProcess
}

test('the key process has an empty environment', onLinux, async (context) => {
  process.env['CLAVIGER_TEST_CANARY'] = 'canary'
  context.after(() => delete process.env['CLAVIGER_TEST_CANARY'])
  const { pid } = await started(context)
  // Once it gave up root its environment is for root only; where it could not, it is ours to read.
  assert.equal(proc(pid, 'environ'), '')
})

test('the key process writes no core, whatever the server may', onLinux, async (context) => {
  const limit = (value: string) => spawnSync('prlimit', ['--pid', String(process.pid), `--core=${value}`])
  const [, soft, hard] = /^Max core file size +(\w+) +(\w+)/m.exec(proc(process.pid, 'limits')) ?? []
  limit('unlimited:unlimited')
  context.after(() => limit(`${soft}:${hard}`))
  const { pid, isolation } = await started(context)
  assert.match(proc(pid, 'limits'), /^Max core file size +0 +0 /m)
  assert.equal(isolation.coreDumps, true)
})

test('SIGUSR1 opens no inspector in the key process', onLinux, async (context) => {
  const keyProcess = await started(context)
  const { pid } = keyProcess
  const descriptors = () => readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`)).sort()
  await keyProcess.ping()
  const before = descriptors()
  process.kill(pid, 'SIGUSR1')
  await delay(100)
  await keyProcess.ping()
  assert.equal(keyProcess.pid, pid)
  assert.deepEqual(descriptors(), before)
  assert.equal(keyProcess.isolation.inspector, true)
})

test('the key process keeps no descriptor of the root-key file', onLinux, async (context) => {
  const { pid } = await started(context)
  const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
  assert.deepEqual(open.filter((path) => path.includes('root-key')), [])
})

test('started by root, the key process has its own user, no network, no readable memory', asRoot, async (context) => {
  const { pid, isolation } = await started(context)
  assert.deepEqual(isolation, { uid: true, network: true, coreDumps: true, inspector: true, reasons: [] })
  const status = proc(pid, 'status')
  assert.match(status, /^Uid:\t65533\t65533\t65533\t65533$/m)
  assert.match(status, /^Gid:\t65533\t65533\t65533\t65533$/m)
  assert.match(status, /^Groups:\t *$/m)
  assert.match(status, /^CapEff:\t0+$/m)
  assert.match(status, /^NoNewPrivs:\t1$/m)
  assert.deepEqual(proc(pid, 'net/dev').match(/\w+(?=:)/g), ['lo'])
  const asItsUser = ['--reuid=65533', '--regid=65533', '--clear-groups']
  const other = spawnSync('setpriv', [...asItsUser, 'head', '-c1', `/proc/${pid}/mem`])
  assert.match(other.stderr.toString(), /Permission denied/, 'another process of its user')
})

test('a program in the place of the key process reads, writes, starts and loads nothing', async (context) => {
  const path = newPath('any-file')
  const fd = openSync(path, 'w')
  context.after(() => closeSync(fd))
  const program = join(import.meta.dirname, 'fixtures/trespasser.ts')
  const child = spawnChild({ program, rootKeyFile: fd, generate: false, onPayload: () => {} })
  assert.deepEqual(await child.exited, { code: 0, signal: null, error: null })
})

/** A server in a process of its own. */
async function startServer(context: TestContext) {
  const rootKeyFile = newPath('root-key')
  const snapshotFile = newPath('heap.heapsnapshot')
  const server = spawn(process.execPath, [join(import.meta.dirname, 'fixtures/server.ts'), rootKeyFile, snapshotFile], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  context.after(() => server.kill('SIGKILL'))
  const [line] = await server.stdout.take(1).toArray()
  const { pid, wrapped } = JSON.parse(String(line)) as { pid: number; wrapped: string }
  const rootKey = decodeRootKey(readFileSync(rootKeyFile, 'latin1'))
  return { server, pid, wrapped: Buffer.from(wrapped, 'hex'), snapshotFile, rootKey }
}

test('the root key never stands in the memory of the server, nor in its heap snapshot', onLinux, async (context) => {
  const { server, wrapped, snapshotFile, rootKey } = await startServer(context)
  const exported = await createInlineKeyProcess(rootKey).exportKey({ chain: [{ context: contexts.rowMac, wrapped }] })

  const inMemory = holdsWhich(server.pid!, [exported, ...spellings(rootKey)])
  assert.deepEqual(inMemory, [true, false, false, false, false], 'only what was exported')

  const snapshot = readFileSync(snapshotFile)
  assert.ok(snapshot.includes('a text that the heap is known to hold'))
  for (const spelling of spellings(rootKey)) assert.equal(snapshot.includes(spelling), false)
})

/** Looks through all writable memory of a process. */
function holdsWhich(pid: number, needles: readonly Buffer[]): boolean[] {
  const found = needles.map(() => false)
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  const overlap = Math.max(...needles.map((needle) => needle.length))
  const window = Buffer.alloc(4 << 20)
  for (const [, from, to] of proc(pid, 'maps').matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw/gm)) {
    const end = Number.parseInt(to!, 16)
    for (let at = Number.parseInt(from!, 16); at < end; at += window.length - overlap) {
      const length = readSync(memory, window, 0, Math.min(window.length, end - at), BigInt(at) as unknown as number)
      needles.forEach((needle, index) => (found[index] ||= window.subarray(0, length).includes(needle)))
    }
  }
  closeSync(memory)
  return found
}

test('the key process ends when the server is killed', onLinux, async (context) => {
  const { server, pid } = await startServer(context)
  assert.ok(existsSync(`/proc/${pid}`))
  server.kill('SIGKILL')
  const deadlineMs = performance.now() + 2_000
  while (existsSync(`/proc/${pid}`) && !/^State:\tZ/m.test(proc(pid, 'status'))) {
    assert.ok(performance.now() < deadlineMs, 'it is still there after 2 s')
    await delay(10)
  }
})
