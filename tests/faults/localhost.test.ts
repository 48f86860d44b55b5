import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { killServers, ServerDidNotStart, startServerProcess } from '../support/server-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'claviger-localhost-'))
const hosts = join(folder, 'hosts')
writeFileSync(hosts, '127.0.0.1 localhost\n::1 localhost\n')
/** Runs a command where `localhost` has both of its addresses, whatever this machine says. */
const wrapper = ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', hosts]

const [command = '', ...args] = wrapper
const can = spawnSync(command, [...args, 'true']).status === 0
const skip = !can ? 'this user may not mount a hosts file of its own' : (await listenOn('::1', 0)) === null ? 'this machine has no IPv6' : false

after(() => {
  killServers()
  rmSync(folder, { recursive: true })
})

async function listenOn(host: string, port: number): Promise<Server | null> {
  const server = createServer()
  const error = await new Promise((settle) => server.once('error', settle).listen(port, host, () => settle(null)))
  return error === null ? server.unref() : null
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
    other.close()
  }
  server.remove()
})
