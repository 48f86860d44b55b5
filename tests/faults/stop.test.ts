/** How the real server stops when it is asked twice. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { killServers, startServerProcess, type ServerProcess } from '../support/server-process.ts'
import { createClient } from './workload.ts'

/** Runs with a folder of its own. */
async function inFolder(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'claviger-stop-'))
  try {
    await work(directory)
  } finally {
    killServers()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** A request that the server has begun with, and whose body does not end. */
async function endlessRequest(server: ServerProcess): Promise<Socket> {
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  socket.write(`POST /v1/consumers HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: Bearer ${server.ownerSecret}\r\nContent-Type: application/json\r\nContent-Length: 99\r\nExpect: 100-continue\r\n\r\n`)
  await once(socket, 'data')
  return socket
}

/** It may have ended meanwhile. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error && error.code === 'ESRCH')
  }
}

test('Ctrl-C under npm, which sends it a second time, drains like any other', () => inFolder(async (directory) => {
  const server = await startServerProcess({ directory, config: ['limits: { drainMs: 300 }'] })
  const socket = await endlessRequest(server)
  // It hears both at once, however slow the machine is. Two that are not the same: one that waits is not queued again.
  process.kill(server.pid, 'SIGSTOP')
  process.kill(server.pid, 'SIGINT')
  process.kill(server.pid, 'SIGTERM')
  assert.deepEqual(await server.stop('SIGCONT'), { code: 0, signal: null })
  assert.match(server.output(), /stopped/)
  socket.destroy()
}))

test('who asks again while it drains is not kept waiting, and what was acknowledged is there', () => inFolder(async (directory) => {
  const server = await startServerProcess({ directory, config: ['limits: { drainMs: 60000 }'] })
  const client = createClient(server.url, server.ownerSecret)
  const { status, json } = await client.send('POST', '/v1/consumers', { reference: 'kept' })
  assert.equal(status, 201)
  const socket = await endlessRequest(server)
  const stopped = server.stop('SIGINT')
  // As somebody does who is in a hurry: the first ones may be taken for an echo.
  const again = setInterval(() => signal(server.pid, 'SIGINT'), 100)
  const end = await stopped
  clearInterval(again)
  assert.deepEqual(end, { code: 130, signal: null })
  client.close()
  socket.destroy()
  const next = await startServerProcess({ directory })
  const reader = createClient(next.url, next.ownerSecret)
  assert.equal((await reader.send('GET', `/v1/consumers/${String(json['consumerId'])}`)).status, 200)
  reader.close()
  assert.deepEqual(await next.stop(), { code: 0, signal: null })
}))
