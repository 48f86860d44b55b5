import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

const elsewhere = process.platform === 'linux' && process.arch === 'x64' ? false : 'its Ethereum node comes as a program for Linux on x64'

/** Runs the demo with a temporary folder of its own, so that what it leaves behind is seen. */
function runDemo(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'claviger-demo-test-'))
  const child = spawn(process.execPath, [join(import.meta.dirname, 'demo.ts')], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1', TMPDIR: folder } })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (printed += chunk.toString('utf8')))
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  context.after(() => {
    child.kill('SIGTERM')
    rmSync(folder, { recursive: true, force: true })
  })
  return { child, ended, printed: () => printed, left: () => readdirSync(folder).filter((name) => name !== 'node-compile-cache') }
}

/** Whether a program still listens at an address that the demo named. */
async function answers(url: string): Promise<boolean> {
  return fetch(url).then(() => true, () => false)
}

test('the demo does all that it says, and leaves nothing behind', { skip: elsewhere }, async (context) => {
  const demo = runDemo(context)
  assert.equal(await demo.ended, 0, demo.printed())
  const steps = [...demo.printed().matchAll(/^ +(\d+) {2}\S/gm)].map(([, number]) => Number(number))
  assert.deepEqual(steps, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  assert.match(demo.printed(), /Everything was as said\.\n/)
  // oxlint-disable-next-line no-control-regex -- colours are what it is about
  assert.doesNotMatch(demo.printed(), /\u001b|rpc_[a-z]+_[0-9A-Za-z]{30}/, 'no colours where there is no terminal, and no secret')
  assert.deepEqual(demo.left(), [])
  for (const [url] of demo.printed().matchAll(/http:\/\/127\.0\.0\.1:\d+/g)) assert.equal(await answers(url), false, url)
})

test('a demo that is interrupted ends what it started', { skip: elsewhere }, async (context) => {
  const demo = runDemo(context)
  while (!demo.printed().includes('Listening')) await new Promise((resolve) => setTimeout(resolve, 10))
  demo.child.kill('SIGINT')
  assert.equal(await demo.ended, 130)
  assert.deepEqual(demo.left(), [])
  for (const [url] of demo.printed().matchAll(/http:\/\/127\.0\.0\.1:\d+/g)) assert.equal(await answers(url), false, url)
})
