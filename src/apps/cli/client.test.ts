import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { Secret } from '#core/base/secret'
import { Client, exitOfProblem, ProblemError } from './client.ts'
import { CliError } from './exit.ts'

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void

/** A server that answers as told, and a client of it. */
async function serving(context: TestContext, handler: Handler) {
  const seen: { readonly key: string | undefined; readonly authorization: string | undefined }[] = []
  const server = createServer((request, response) => {
    seen.push({ key: request.headers['idempotency-key'] as string | undefined, authorization: request.headers.authorization })
    request.resume().on('end', () => handler(request, response, seen.length))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  const client = new Client({ url, credential: new Secret('a-credential'), ca: null, profile: null, workspaceId: null, address: null }, new AbortController().signal)
  context.after(() => {
    client.close()
    server.closeAllConnections()
    server.close()
  })
  return { client, seen, url }
}

const write = { method: 'POST', path: '/v1/keys', body: { name: 'x' }, headers: { 'idempotency-key': 'one' } }
const done: Handler = (_request, response) => response.writeHead(201, { 'content-type': 'application/json' }).end('{"ok":true}')

test('a write whose connection is lost is sent once more, with the same idempotency key', async (context) => {
  const { client, seen } = await serving(context, (request, response, count) => (count === 1 ? request.socket.destroy() : done(request, response, count)))
  assert.equal((await client.send(write)).status, 201)
  assert.deepEqual(seen.map(({ key }) => key), ['one', 'one'])
})

test('a connection that is lost twice is reported, not tried for ever', async (context) => {
  const { client, seen } = await serving(context, (request) => request.socket.destroy())
  await assert.rejects(client.send(write), (error) => error instanceof CliError && error.exit === 'unavailable')
  assert.equal(seen.length, 2)
})

test('503 with Retry-After is tried once more; without it, or for long, it is not', async (context) => {
  const busy = (retryAfter: string | null): Handler => (_request, response) => response
    .writeHead(503, { 'content-type': 'application/problem+json', ...(retryAfter === null ? {} : { 'retry-after': retryAfter }) })
    .end('{"title":"Busy","status":503,"code":"http/overloaded"}')
  for (const [retryAfter, attempts] of [['0', 2], [null, 1], ['3600', 1], ['Wed, 21 Oct 2026 07:28:00 GMT', 1]] as const) {
    const { client, seen } = await serving(context, busy(retryAfter))
    await assert.rejects(client.send(write), (error) => error instanceof ProblemError && exitOfProblem(error.problem) === 'unavailable')
    assert.equal(seen.length, attempts, String(retryAfter))
  }
})

test('a redirect is not followed: the credential goes where it was told to go', async (context) => {
  const { client, seen } = await serving(context, (_request, response) => response.writeHead(302, { location: 'http://127.0.0.2:9/' }).end())
  await assert.rejects(client.json(write), /not JSON|not as Claviger/)
  assert.equal(seen.length, 1)
})

test('an answer that is not from Claviger is said to be none', async (context) => {
  const { client } = await serving(context, (_request, response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad Gateway</h1>'))
  await assert.rejects(client.send(write), (error) => error instanceof CliError && error.message.includes('not as Claviger'))
})

test('a server that is not there is said to be so, and how to start one', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  const client = new Client({ url: new URL(`http://localhost:${port}/`), credential: new Secret('a'), ca: null, profile: null, workspaceId: null, address: null }, new AbortController().signal)
  await assert.rejects(client.send(write), (error) => error instanceof CliError && error.exit === 'unavailable' && error.message.startsWith('No server answers') && error.notes.join().includes('npm start'))
})
