import assert from 'node:assert/strict'
import {
  chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startKeyProcess } from '#core/crypto/key-process/client'
import type { KeyProcess, KeyProcessEvent, WrappedKey } from '#core/crypto/key-process/client'
import type { KeyContext } from '#core/crypto/key-context'
import { contexts } from '#core/crypto/key-process/fixtures'
import { encodeRootKey } from '#core/crypto/key-process/root-key-file'
import { systemRandom } from '#core/crypto/random'
import { keyProcessProgram } from './program.ts'

const folder = mkdtempSync(join(tmpdir(), 'claviger-key-process-'))
after(() => rmSync(folder, { recursive: true }))

const onLinux = { skip: process.platform === 'linux' ? false : 'reads /proc' }

let files = 0
const newPath = () => join(folder, `root-key-${++files}`)

/** A key process of its own for one test. */
async function started(context: TestContext, rootKeyFile = newPath(), createIfMissing = true) {
  const events: KeyProcessEvent[] = []
  const onEvent = (event: KeyProcessEvent) => void events.push(event)
  const keyProcess = await startKeyProcess({ program: keyProcessProgram, rootKeyFile, createIfMissing, onEvent })
  context.after(() => keyProcess.close())
  return { keyProcess, rootKeyFile, events }
}

/** A new key right below the root. */
async function createTop(keyProcess: KeyProcess, context: KeyContext): Promise<readonly [WrappedKey]> {
  return [{ context, wrapped: await keyProcess.createKey({ context, parents: [] }) }]
}

async function eventually(what: string, holds: () => boolean, withinMs = 5_000): Promise<void> {
  const deadlineMs = performance.now() + withinMs
  while (!holds()) {
    assert.ok(performance.now() < deadlineMs, `not within ${withinMs} ms: ${what}`)
    await delay(10)
  }
}

describe('the root-key file', () => {
  test('is made private at the first start, and opens at the next what was wrapped before', async (context) => {
    const first = await started(context)
    assert.equal(statSync(first.rootKeyFile).mode & 0o777, 0o600)
    const chain = await createTop(first.keyProcess, contexts.rowMac)
    const exported = await first.keyProcess.exportKey({ chain })
    await first.keyProcess.close()
    const second = await started(context, first.rootKeyFile, false)
    assert.deepEqual(await second.keyProcess.exportKey({ chain }), exported)
  })

  test('is refused when others may read it', async (context) => {
    const { keyProcess, rootKeyFile } = await started(context)
    await keyProcess.close()
    chmodSync(rootKeyFile, 0o644)
    await assert.rejects(started(context, rootKeyFile), { code: 'crypto/root-key-refused', detail: /chmod 600/ })
  })

  test('is noticed to be cut short or empty, and is never overwritten', async (context) => {
    const { keyProcess, rootKeyFile } = await started(context)
    await keyProcess.close()
    for (const length of [60, 0]) {
      truncateSync(rootKeyFile, length)
      await assert.rejects(started(context, rootKeyFile, false), { code: 'crypto/root-key-damaged', detail: /Restore it/ })
      assert.equal(statSync(rootKeyFile).size, length)
    }
    truncateSync(rootKeyFile, 60)
    await assert.rejects(started(context, rootKeyFile, true), { code: 'crypto/root-key-damaged', detail: /Restore it/ })
    assert.equal(statSync(rootKeyFile).size, 60)
  })

  test('that a killed first start left empty is made anew by the next one, while nothing was encrypted', async (context) => {
    const path = newPath()
    writeFileSync(path, '', { mode: 0o600 })
    const { keyProcess } = await started(context, path, true)
    const chain = await createTop(keyProcess, contexts.rowMac)
    const exported = await keyProcess.exportKey({ chain })
    await keyProcess.close()
    const second = await started(context, path, false)
    assert.deepEqual(await second.keyProcess.exportKey({ chain }), exported)
  })

  test('is not made where an instance has data already', async (context) => {
    const path = newPath()
    await assert.rejects(started(context, path, false), { code: 'crypto/root-key-refused', detail: /missing/ })
    assert.equal(existsSync(path), false)
  })

  test('that was made for a start that failed is taken away again', async () => {
    const rootKeyFile = newPath()
    const program = join(import.meta.dirname, 'fixtures/trespasser.ts')
    await assert.rejects(startKeyProcess({ program, rootKeyFile, createIfMissing: true, onEvent() {} }), {
      code: 'crypto/key-process-unavailable',
    })
    assert.equal(existsSync(rootKeyFile), false)
  })

  test('that holds another key after a restart is not used, and the old one is taken up again', async (context) => {
    const { keyProcess, rootKeyFile, events } = await started(context)
    const chain = await createTop(keyProcess, contexts.rowMac)
    const exported = await keyProcess.exportKey({ chain })
    const line = readFileSync(rootKeyFile)
    writeFileSync(rootKeyFile, encodeRootKey(systemRandom.bytes(32)))
    process.kill(keyProcess.pid, 'SIGKILL')
    await eventually('the other key is refused', () =>
      events.some((event) => event.kind === 'start-failed' && event.fault.code === 'crypto/root-key-refused'))
    writeFileSync(rootKeyFile, line)
    assert.deepEqual(await keyProcess.exportKey({ chain }), exported)
  })
})

describe('the key process', () => {
  test('that is killed is replaced, and every request under way succeeds', async (context) => {
    const { keyProcess, events } = await started(context)
    const chain = await createTop(keyProcess, contexts.rowMac)
    const exported = await keyProcess.exportKey({ chain })
    for (let times = 0; times < 3; times++) {
      const { pid } = keyProcess
      const underWay = Array.from({ length: 200 }, () => keyProcess.exportKey({ chain }))
      process.kill(pid, 'SIGKILL')
      const answers = await Promise.all([...underWay, keyProcess.exportKey({ chain })])
      for (const answer of answers) assert.deepEqual(answer, exported)
      assert.notEqual(keyProcess.pid, pid)
    }
    assert.deepEqual(events.map((event) => event.kind), ['started', ...Array(3).fill(['ended', 'started']).flat()])
  })

  test('that hangs fails its requests within their bound and is replaced', async (context) => {
    const { keyProcess } = await started(context)
    const { pid } = keyProcess
    process.kill(pid, 'SIGSTOP')
    const sinceMs = performance.now()
    await assert.rejects(keyProcess.ping(), { code: 'crypto/key-process-unavailable' })
    assert.ok(performance.now() - sinceMs < 4_000)
    await keyProcess.ping()
    assert.notEqual(keyProcess.pid, pid)
  })

  test('refuses with the code of a fault, and goes on', async (context) => {
    const { keyProcess } = await started(context)
    const { pid } = keyProcess
    const workspace = await createTop(keyProcess, contexts.workspace)
    await assert.rejects(keyProcess.exportKey({ chain: workspace }), { code: 'crypto/not-permitted', status: 500 })
    const [{ wrapped }] = await createTop(keyProcess, contexts.rowMac)
    const moved = [{ context: { ...contexts.rowMac, version: 2 }, wrapped }]
    await assert.rejects(keyProcess.exportKey({ chain: moved }), { code: 'crypto/cannot-unwrap', status: 500 })
    await keyProcess.ping()
    assert.equal(keyProcess.pid, pid)
  })

  test('outlives the signals that are sent to a whole group', onLinux, async (context) => {
    const { keyProcess } = await started(context)
    const { pid } = keyProcess
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid, signal)
    await delay(50)
    await keyProcess.ping()
    assert.equal(keyProcess.pid, pid)
  })

  test('ends when it is closed, and so do requests', onLinux, async (context) => {
    const { keyProcess } = await started(context)
    const underWay = keyProcess.ping()
    const { pid } = keyProcess
    await Promise.all([keyProcess.close(), assert.rejects(underWay, { code: 'crypto/key-process-unavailable' })])
    assert.equal(existsSync(`/proc/${pid}`), false)
    await assert.rejects(keyProcess.ping(), { code: 'crypto/key-process-unavailable' })
  })
})
