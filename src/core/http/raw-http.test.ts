import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { answersIn, send, sendRaw, startServer, until, type TestServer } from './fixtures.ts'

let things: TestServer
before(async () => {
  things = await startServer({ limits: { headersTimeoutMs: 300, requestTimeoutMs: 600 } })
})
after(() => things.close())

const head = (line: string, ...headers: readonly string[]): string => [line, 'Host: a', ...headers, '', ''].join('\r\n')
const owner = 'Authorization: Bearer owner'
const json = 'Content-Type: application/json'
const ask = async (...bytes: readonly string[]): Promise<readonly string[]> => answersIn(await sendRaw(things.port, bytes.join('')))

const smuggled = head('DELETE /v1/things/key_0000000000000000 HTTP/1.1', owner)
const body = '{"name":"smuggled"}'
const badRequest = '400 http/bad-request'

/** Each is one message; whatever stands behind it must not be taken for another. */
const refused: readonly (readonly [what: string, bytes: string, answer: string])[] = [
  ['both Content-Length and Transfer-Encoding', head('POST /v1/things HTTP/1.1', owner, json, 'Content-Length: 5', 'Transfer-Encoding: chunked') + `0\r\n\r\n${smuggled}`, badRequest],
  ['Transfer-Encoding before Content-Length', head('POST /v1/things HTTP/1.1', owner, json, 'Transfer-Encoding: chunked', 'Content-Length: 5') + `0\r\n\r\n${smuggled}`, badRequest],
  ['two lengths', head('POST /v1/things HTTP/1.1', owner, json, 'Content-Length: 19', 'Content-Length: 5') + body, badRequest],
  ['a length with a sign', head('POST /v1/things HTTP/1.1', owner, json, 'Content-Length: +19') + body, badRequest],
  ['a length that is a list', head('POST /v1/things HTTP/1.1', owner, json, 'Content-Length: 19, 19') + body, badRequest],
  ['a length beyond all numbers', head('POST /v1/things HTTP/1.1', owner, json, `Content-Length: ${'9'.repeat(30)}`) + body, badRequest],
  ['an encoding that does not end with chunked', head('POST /v1/things HTTP/1.1', owner, json, 'Transfer-Encoding: chunked, identity') + `0\r\n\r\n${smuggled}`, badRequest],
  ['an encoding beside chunked', head('POST /v1/things HTTP/1.1', owner, json, 'Connection: close', 'Transfer-Encoding: gzip, chunked') + `13\r\n${body}\r\n0\r\n\r\n`, badRequest],
  ['chunked twice', head('POST /v1/things HTTP/1.1', owner, json, 'Connection: close', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked') + `13\r\n${body}\r\n0\r\n\r\n`, badRequest],
  ['an encoding of HTTP/1.0, which has none', head('POST /v1/things HTTP/1.0', owner, json, 'Transfer-Encoding: chunked') + `13\r\n${body}\r\n0\r\n\r\n`, badRequest],
  ['HTTP/2.0 in the words of HTTP/1.1', head('POST /v1/things HTTP/2.0', owner, json, 'Content-Length: 19') + body, badRequest],
  ['an encoding in disguise', head('POST /v1/things HTTP/1.1', owner, json, 'Transfer-Encoding : chunked') + `0\r\n\r\n${smuggled}`, badRequest],
  ['a chunk length that is none', head('POST /v1/things HTTP/1.1', owner, json, 'Transfer-Encoding: chunked') + `0x13\r\n${body}\r\n0\r\n\r\n`, badRequest],
  ['a chunk that is longer than it says', head('POST /v1/things HTTP/1.1', owner, json, 'Transfer-Encoding: chunked') + `5\r\n${body}\r\n0\r\n\r\n`, badRequest],
  ['chunk extensions without end', head('POST /v1/things HTTP/1.1', owner, json, 'Transfer-Encoding: chunked') + `1;${'a'.repeat(20_000)}\r\n{\r\n0\r\n\r\n`, '413 http/body-too-large'],
  ['a header that goes on on the next line', head('GET /v1/things HTTP/1.1', owner, 'X-Folded: a\r\n b'), badRequest],
  ['a header with NUL', head('GET /v1/things HTTP/1.1', owner, 'X-Nul: a\0b'), badRequest],
  ['a header without a name', head('GET /v1/things HTTP/1.1', owner, ': a'), badRequest],
  ['lines that end in a line feed only', `GET /v1/things HTTP/1.1\nHost: a\n${owner}\n\n`, badRequest],
  ['a carriage return alone', head('GET /v1/things HTTP/1.1', owner, 'X-Cr: a\rb'), badRequest],
  ['a method nobody knows', head('STEAL /v1/things HTTP/1.1', owner), badRequest],
  ['a version nobody knows', head('GET /v1/things HTTP/9.9', owner), badRequest],
  ['HTTP/0.9', 'GET /v1/things\r\n\r\n', badRequest],
  ['HTTP/2 without TLS', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', badRequest],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', badRequest],
  ['SSH', 'SSH-2.0-OpenSSH_9.9\r\n', badRequest],
  ['two Hosts', head('GET /v1/things HTTP/1.1', 'Host: b', owner, 'Connection: close'), badRequest],
  ['a fragment', head('GET /v1/things#things HTTP/1.1', owner, 'Connection: close'), badRequest],
  ['no Host', `GET /v1/things HTTP/1.1\r\n${owner}\r\nConnection: close\r\n\r\n`, badRequest],
  ['two credentials', head('GET /v1/things HTTP/1.1', owner, 'Authorization: Bearer reader', 'Connection: close'), '401 http/unauthenticated'],
  ['two content types', head('POST /v1/things HTTP/1.1', owner, json, 'Content-Type: text/plain', 'Content-Length: 19', 'Connection: close') + body, '415 http/unsupported-media-type'],
  ['two idempotency keys', head('POST /v1/things HTTP/1.1', owner, json, 'Idempotency-Key: a', 'Idempotency-Key: b', 'Content-Length: 19', 'Connection: close') + body, '400 http/invalid-input'],
  ['two preconditions', head('PATCH /v1/things/key_0000000000000000 HTTP/1.1', owner, json, 'If-Match: "1"', 'If-Match: "2"', 'Content-Length: 10', 'Connection: close') + '{"size":1}', '400 http/invalid-input'],
  ['an expectation that nobody meets', head('POST /v1/things HTTP/1.1', owner, json, 'Expect: 200-maybe', 'Content-Length: 19') + body, badRequest],
  ['a proxy\'s CONNECT', head('CONNECT internal:22 HTTP/1.1', owner), badRequest],
  ['TRACE, which would echo the credential', head('TRACE /v1/things HTTP/1.1', owner, 'Connection: close'), '405 http/method-not-allowed'],
  ['a server-wide OPTIONS', head('OPTIONS * HTTP/1.1', owner, 'Connection: close'), '405 http/method-not-allowed'],
  ['bytes that are not percent-encoded', head('GET /v1/files/\xe9 HTTP/1.1', owner, 'Connection: close'), badRequest],
  ['chunks without end', head('POST /v1/things HTTP/1.1', owner, json, 'Transfer-Encoding: chunked') + `8000\r\n${'a'.repeat(0x8000)}\r\n`.repeat(9), '413 http/body-too-large'],
]

for (const [what, bytes, answer] of refused) {
  test(`${what}: ${answer}, once, and the connection ends`, async () => {
    const received = await sendRaw(things.port, bytes)
    assert.deepEqual(answersIn(received), [answer])
    assert.match(received, /content-type: application\/problem\+json/i)
    assert.match(received, /connection: close/i)
    assert.ok(!received.toLowerCase().includes('bearer owner') && !received.includes('smuggled'))
    assert.deepEqual(things.acts, [])
  })
}

test('a target in absolute form is the path in it', async () => {
  assert.deepEqual(await ask(head('GET http://elsewhere.example/v1/things?limit=1 HTTP/1.1', owner, 'Connection: close')), ['200'])
})

test('an upgrade that is offered is not taken', async () => {
  const received = await sendRaw(things.port, head('GET /healthz HTTP/1.1', 'Connection: Upgrade, close', 'Upgrade: h2c'))
  assert.match(received, /^HTTP\/1\.1 200 OK/)
})

test('HEAD answers the headers of GET and no body', async () => {
  const got = await send(things.port, { path: '/v1/things' })
  const { status, text, headers } = await send(things.port, { method: 'HEAD', path: '/v1/things' })
  assert.deepEqual([status, text, headers['content-length']], [200, '', got.headers['content-length']])
  assert.equal((await send(things.port, { method: 'HEAD', path: '/v1/things', credential: null })).status, 401)
})

test('a method that is not served is told with Allow, and needs no credential to be told', async () => {
  const { status, headers } = await send(things.port, { method: 'PUT', path: '/v1/things', credential: null })
  assert.deepEqual([status, headers['allow']], [405, 'POST, GET, HEAD'])
  const page = await send(things.port, { method: 'POST', path: '/healthz', body: '{}' })
  assert.deepEqual([page.status, page.headers['allow']], [405, 'GET, HEAD'])
})

test('requests sent at once on one connection are answered in their order', async () => {
  const create = (name: string) => head('POST /v1/things HTTP/1.1', owner, json, `Content-Length: ${name.length + 11}`) + `{"name":"${name}"}`
  const received = await sendRaw(things.port, create('one') + head('GET /healthz HTTP/1.1') + create('one') + head('GET /v1/things/wait HTTP/1.1', owner, 'Connection: close'))
  assert.deepEqual(answersIn(received), ['201', '200', '409 things/name-taken', '200'])
  things.acts.length = 0
})

test('what does not parse behind a request is never taken for the answer to that request', async () => {
  const gate = Promise.withResolvers<void>()
  things.switches.gate = gate.promise
  const received = sendRaw(things.port, `${head('GET /v1/things/wait HTTP/1.1', owner)} not HTTP\r\n\r\n`)
  assert.equal(await received, '')
  gate.resolve()
})

test('a body is asked for only of those whose request will be read', async () => {
  const expecting = (...headers: readonly string[]) => head('POST /v1/things HTTP/1.1', json, 'Expect: 100-continue', ...headers)
  assert.deepEqual(await ask(expecting('Content-Length: 19')), ['401 http/unauthenticated'])
  assert.deepEqual(await ask(expecting(owner, 'Content-Length: 300000')), ['413 http/body-too-large'])
  const socket = connect(things.port, '127.0.0.1', () => socket.write(expecting(owner, 'Content-Length: 19', 'Connection: close')))
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
    if (received === 'HTTP/1.1 100 Continue\r\n\r\n') socket.write('{"name":"expected"}')
  })
  await new Promise((resolve) => socket.once('close', resolve))
  assert.deepEqual(answersIn(received), ['100', '201'])
  things.acts.length = 0
})

test('headers that come too slowly, and bodies, are answered 408', async () => {
  assert.deepEqual(await ask('GET /v1/th'), ['408 http/request-timeout'])
  assert.deepEqual(await ask(head('POST /v1/things HTTP/1.1', owner, json, 'Content-Length: 100'), '{"name'), ['408 http/request-timeout'])
})

async function opened(bytes: string): Promise<Socket> {
  const socket = connect(things.port, '127.0.0.1')
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.write(bytes)
  return socket
}

async function metric(name: string): Promise<number> {
  const line = (await things.metrics.text()).split('\n').find((text) => text.startsWith(`${name} `))
  return Number(line?.slice(name.length) ?? 0)
}

const left = (operation: string): Promise<number> => metric(`claviger_http_requests_total{operation="${operation}",status="499"}`)
const inFlight = (count: number): Promise<void> => until(async () => (await metric('claviger_http_requests_in_flight')) === count)

test('a client that leaves in the middle of its body has written nothing, and leaves no request behind', async () => {
  const before = await left('things.create')
  const socket = await opened(head('POST /v1/things HTTP/1.1', owner, json, 'Content-Length: 100', 'Expect: 100-continue'))
  await new Promise((resolve) => socket.once('data', resolve))
  socket.write('{"name":"left"')
  await new Promise((resolve) => setImmediate(resolve))
  socket.resetAndDestroy()
  await until(async () => (await left('things.create')) === before + 1)
  await inFlight(0)
  assert.deepEqual(things.acts, [])
})

test('what was under way is finished although its client has left, and holds its place until then', async () => {
  const { json: thing } = await send(things.port, { path: '/v1/things', body: { name: 'before' } })
  things.acts.length = 0
  const [reached, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  things.switches.afterRead = () => {
    reached.resolve()
    return gate.promise
  }
  const before = await left('things.update')
  const socket = await opened(`${head(`PATCH /v1/things/${String(thing['thingId'])} HTTP/1.1`, owner, json, 'Content-Length: 10')}{"size":7}`)
  await reached.promise
  socket.resetAndDestroy()
  await until(async () => (await left('things.update')) === before + 1)
  assert.equal(await metric('claviger_http_requests_in_flight'), 1)
  gate.resolve()
  await inFlight(0)
  things.switches.afterRead = () => Promise.resolve()
  assert.equal((await send(things.port, { path: `/v1/things/${String(thing['thingId'])}` })).json['size'], 7)
  things.acts.length = 0
})

test('requests that wait behind another are forgotten with their connection', async () => {
  const gate = Promise.withResolvers<void>()
  things.switches.gate = gate.promise
  const before = await left('things.wait')
  const socket = await opened(head('GET /v1/things/wait HTTP/1.1', owner).repeat(5))
  await inFlight(5)
  socket.resetAndDestroy()
  await until(async () => (await left('things.wait')) >= before + 1)
  gate.resolve()
  await inFlight(0)
  await until(async () => (await left('things.wait')) === before + 5)
})

const file = (line: string, ...headers: readonly string[]): string => head(`GET /v1/files/x HTTP/${line}`, owner, ...headers)
for (const [what, bytes] of [
  ['another request after one that ends the connection', file('1.1', 'Connection: close') + file('1.1')],
  ['bytes that are no request', `${file('1.1')}garbage\r\n\r\n`],
  ['a byte too many, of HTTP/1.0', `${file('1.0')}x`],
] as const) {
  test(`what was asked before is answered, whatever follows in the same packet: ${what}`, async () => {
    const [answer, ...more] = await ask(bytes)
    assert.deepEqual([answer, more], ['200', []])
  })
}
