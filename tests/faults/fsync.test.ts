/**
 * The real server under strace: no acknowledgement leaves before the fsync of its commit (product invariant I1, S3).
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startServerProcess } from '../support/server-process.ts'
import { createClient } from './workload.ts'

const skip = spawnSync('strace', ['-V']).status === 0 ? false : 'strace is not installed (Debian: strace)'

interface Event {
  readonly kind: 'request' | 'log-write' | 'sync-begin' | 'sync-end' | 'acknowledgement'
  readonly line: number
  /** Which request: its name as the test chose it. */
  readonly name: string
}

test('no write is acknowledged before the fsync of its commit has returned', { skip }, async () => {
  const server = await startServerProcess()
  const { directory, ownerSecret } = server
  await server.stop('SIGTERM')
  const trace = join(directory, 'trace')
  const calls = 'trace=fsync,fdatasync,pwrite64,write,writev,read,recvfrom,sendto,sendmsg'
  const traced = await startServerProcess({ directory, wrapper: ['strace', '-f', '-y', '-s', '400', '-o', trace, '-e', calls] })
  const client = createClient(traced.url, ownerSecret, 16)
  const names = Array.from({ length: 120 }, (_, index) => `traced-${String(index).padStart(3, '0')}`)
  try {
    // One at a time, then many at once.
    for (const name of names.slice(0, 20)) await create(name)
    await Promise.all(names.slice(20).map(create))
  } finally {
    client.close()
    await traced.stop('SIGTERM')
  }
  const events = readFileSync(trace, 'utf8').split('\n').flatMap(eventOf)
  assert.ok(events.filter((event) => event.kind === 'sync-end').length > 10, 'the trace shows the syncs')
  for (const name of names) checkOrder(events, name)
  execFileSync('rm', ['-rf', directory])

  async function create(name: string): Promise<void> {
    const { status } = await client.send('POST', '/v1/principals', { name, role: 'auditor' })
    assert.equal(status, 201)
  }
})

/** The request, then a write to the write-ahead log, then a whole sync, then the answer that names it. */
function checkOrder(events: readonly Event[], name: string): void {
  const request = events.findIndex((event) => event.kind === 'request' && event.name === name)
  const acknowledgement = events.findIndex((event) => event.kind === 'acknowledgement' && event.name === name)
  assert.ok(request !== -1 && acknowledgement > request, `${name}: request and answer are in the trace`)
  const between = events.slice(request, acknowledgement)
  const written = between.findIndex((event) => event.kind === 'log-write')
  assert.notEqual(written, -1, `${name}: its commit was written to the log before the answer`)
  const begun = between.findIndex((event, index) => index > written && event.kind === 'sync-begin')
  const ended = between.findIndex((event, index) => index > begun && event.kind === 'sync-end')
  assert.ok(begun !== -1 && ended !== -1, `${name}: a sync that began after the write had returned before the answer`)
}

/** One line of the trace. A call that others interrupt is two lines: `… <unfinished ...>` and `<... fsync resumed>`. */
function eventOf(text: string, line: number): Event[] {
  const name = /traced-\d{3}/.exec(text)?.[0] ?? ''
  if (/(pwrite64|write)\(\d+<[^>]*-wal>/.test(text)) return [{ kind: 'log-write', line, name }]
  if (/f(data)?sync\(\d+<[^>]*-wal>/.test(text)) {
    return text.includes('unfinished') ? [{ kind: 'sync-begin', line, name }] : [{ kind: 'sync-begin', line, name }, { kind: 'sync-end', line, name }]
  }
  if (/f(data)?sync resumed>.*= 0/.test(text)) return [{ kind: 'sync-end', line, name }]
  if (name === '') return []
  if (/HTTP\/1\.1 201/.test(text)) return [{ kind: 'acknowledgement', line, name }]
  if (/POST \/v1\/principals/.test(text)) return [{ kind: 'request', line, name }]
  return []
}
