import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { killServers, ServerDidNotStart, startServerProcess } from '../support/server-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'claviger-localhost-'))
const hosts = join(folder, 'hosts')
// With one of them on two lines, as many a machine has it.
writeFileSync(hosts, '127.0.0.1 localhost\n127.0.0.1 localhost.localdomain localhost\n::1 localhost\n')
/** Runs a command where `localhost` has both of its addresses, whatever this machine says. */
const wrapper = ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', hosts]

const [command = '', ...args] = wrapper
const cli = join(import.meta.dirname, '../../claviger')
const can = spawnSync(command, [...args, 'true']).status === 0
const skip = !can ? 'this user may not mount a hosts file of its own' : (await listenOn('::1', 0)) === null ? 'this machine has no IPv6' : false

after(() => {
  killServers()
  rmSync(folder, { recursive: true })
})

async function listenOn(host: string, port: number): Promise<Server | null> {
  const server = createServer((socket) => void socket.destroy())
  const error = await new Promise((settle) => server.once('error', settle).listen(port, host, () => settle(null)))
  return error === null ? server.unref() : null
}

/** A connection and all that comes back over it, once it is closed. */
async function opened(host: string, port: number): Promise<{ readonly socket: Socket; readonly answer: Promise<string> }> {
  const socket = connect({ host, port })
  const answer = new Promise<string>((settle) => {
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk)).on('error', () => {}).once('close', () => settle(Buffer.concat(chunks).toString('latin1')))
  })
  await new Promise((settle) => socket.once('connect', settle))
  return { socket, answer }
}

test('every address of `localhost` is served, and let go at the end', { skip }, async () => {
  const server = await startServerProcess({ host: 'localhost', wrapper })
  const { port } = new URL(server.url)
  for (const address of ['[::1]', '127.0.0.1']) {
    const answer = await fetch(`http://${address}:${port}/v1/self`, { headers: { authorization: `Bearer ${server.ownerSecret}` } })
    assert.equal(answer.status, 200, `${address} answers`)
    await answer.text()
    // What comes in there goes through the same bounds as all else.
    assert.equal((await fetch(`http://${address}:${port}/%ff`)).status, 400)
  }
  assert.deepEqual(await server.stop('SIGTERM'), { code: 0, signal: null })
  server.remove()
})

test('what is under way at a stop is answered, whichever address of `localhost` it came in at', { skip }, async () => {
  for (const address of ['::1', '127.0.0.1']) {
    const server = await startServerProcess({ host: 'localhost', wrapper })
    const port = Number(new URL(server.url).port)
    const { socket, answer } = await opened(address, port)
    const body = '{"reference":"under way"}'
    const head = ['POST /v1/consumers HTTP/1.1', 'Host: localhost', `Authorization: Bearer ${server.ownerSecret}`, 'Content-Type: application/json', `Content-Length: ${body.length}`]
    socket.write(`${head.join('\r\n')}\r\nExpect: 100-continue\r\n\r\n`)
    await new Promise((settle) => socket.once('data', settle))
    const stopped = server.stop('SIGTERM')
    // Time enough for a server that waits for nobody to be gone.
    await new Promise((settle) => setTimeout(settle, 2_000))
    socket.write(body)
    assert.match(await answer, /HTTP\/1\.1 201 Created/, address)
    assert.deepEqual(await stopped, { code: 0, signal: null })
    server.remove()
  }
})

test('the bound on connections is one for all addresses of `localhost`', { skip }, async () => {
  const server = await startServerProcess({ host: 'localhost', wrapper, config: ['limits: { connectionsMax: 2 }'] })
  const port = Number(new URL(server.url).port)
  const held = [await opened('::1', port), await opened('127.0.0.1', port)]
  for (const { socket } of held) {
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
    // Answered: the server has taken it on.
    await new Promise((settle) => socket.once('data', settle))
  }
  for (const address of ['::1', '127.0.0.1']) {
    const { socket, answer } = await opened(address, port)
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    assert.equal(await answer, '', address)
  }
  for (const { socket } of held) socket.destroy()
  await server.stop('SIGTERM')
  server.remove()
})

test('the other address of `localhost` in somebody else\'s hands: the server does not start beside them', { skip }, async () => {
  const server = await startServerProcess({ host: 'localhost', wrapper })
  await server.stop('SIGTERM')
  const port = Number(new URL(server.url).port)
  for (const address of ['::1', '127.0.0.1']) {
    const other = await listenOn(address, port)
    assert.ok(other !== null, `${address} was let go`)
    await assert.rejects(
      startServerProcess({ directory: server.directory, host: 'localhost', wrapper, port }),
      (error: unknown) => error instanceof ServerDidNotStart && error.code === 1 && error.printed.includes(`Port ${port} on localhost is in use.`),
    )
    const doctor = spawnSync(command, [...args, cli, 'doctor', '--config', join(server.directory, 'claviger.yaml')], { encoding: 'utf8', cwd: server.directory })
    assert.equal(doctor.status, 10)
    assert.match(doctor.stdout, new RegExp(`localhost:${port} is held by process ${process.pid}`), address)
    other.close()
  }
  server.remove()
})
