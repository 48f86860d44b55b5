/** How the real server stops when it is asked twice. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
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

test('Ctrl-C under npm, which sends it a second time, drains like any other', () => inFolder(async (directory) => {
  const server = await startServerProcess({ directory, config: ['limits: { drainMs: 300 }'] })
  const socket = await endlessRequest(server)
  // Two that are not the same: a signal that waits already is not queued again.
  process.kill(server.pid, 'SIGINT')
  assert.deepEqual(await server.stop('SIGTERM'), { code: 0, signal: null })
  assert.match(server.output(), /stopped/)
  socket.destroy()
}))

test('who asks again while it drains is not kept waiting, and what was acknowledged is there', () => inFolder(async (directory) => {
  const server = await startServerProcess({ directory })
  const client = createClient(server.url, server.ownerSecret)
  const { status, json } = await client.send('POST', '/v1/consumers', { reference: 'kept' })
  assert.equal(status, 201)
  const socket = await endlessRequest(server)
  process.kill(server.pid, 'SIGINT')
  await wait(700)
  assert.deepEqual(await server.stop('SIGINT'), { code: 130, signal: null })
  client.close()
  socket.destroy()
  const again = await startServerProcess({ directory })
  const reader = createClient(again.url, again.ownerSecret)
  assert.equal((await reader.send('GET', `/v1/consumers/${String(json['consumerId'])}`)).status, 200)
  reader.close()
  assert.deepEqual(await again.stop(), { code: 0, signal: null })
}))
