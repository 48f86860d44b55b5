import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { createCredentialThrottle } from './credential-throttle.ts'
import { answersIn, send, sendRaw, startServer, until, type TestServer } from './fixtures.ts'
import type { Limits } from './limits.ts'

async function withServer(limits: Partial<Limits>, run: (things: TestServer) => Promise<void>, more: Parameters<typeof startServer>[0] = {}): Promise<void> {
  const things = await startServer({ ...more, limits })
  try {
    await run(things)
  } finally {
    await things.close()
  }
}

const wait = { path: '/v1/things/wait' }
const list = { path: '/v1/things' }
const head = (line: string, ...headers: readonly string[]): string => [line, 'Host: a', ...headers, '', ''].join('\r\n')
const inFlight = async ({ metrics }: TestServer): Promise<number> => Number(/_in_flight (\d+)/.exec(await metrics.text())?.[1])

async function opened(port: number, bytes = '', localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve))
  if (bytes !== '') socket.write(bytes)
  return socket
}

test('beyond the requests that it takes on at a time the server answers 503 with Retry-After, and goes on afterwards', async () => {
  await withServer({ inFlightMax: 2 }, async (things) => {
    const gate = Promise.withResolvers<void>()
    things.switches.gate = gate.promise
    const underWay = [send(things.port, wait), send(things.port, wait)]
    await until(async () => (await inFlight(things)) === 2)
    for (const path of ['/v1/things', '/docs', '/readyz', '/metrics']) {
      const { status, json, headers } = await send(things.port, { path })
      assert.deepEqual([status, json['code'], headers['retry-after']], [503, 'http/overloaded', '1'], path)
    }
    assert.equal((await send(things.port, { path: '/healthz' })).status, 200, 'a busy process is alive')
    gate.resolve()
    assert.deepEqual((await Promise.all(underWay)).map(({ status }) => status), [200, 200])
    assert.equal((await send(things.port, list)).status, 200)
  })
})

const post = (path: string, length: number, body: string): string =>
  head(`POST ${path} HTTP/1.1`, 'Authorization: Bearer owner', 'Content-Type: application/json', `Content-Length: ${length}`) + body

test('whoever sends bodies slowly takes no place from anybody', async () => {
  await withServer({ inFlightMax: 2 }, async (things) => {
    const next = (socket: Socket) => new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(chunk.toString('latin1'))))
    const slow = await Promise.all(Array.from({ length: 8 }, () => opened(things.port)))
    const invited = slow.map(next)
    for (const socket of slow) socket.write(post('/v1/things', 14, '').replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n'))
    for (const answer of await Promise.all(invited)) assert.match(answer, /^HTTP\/1\.1 100 /)
    for (const socket of slow) socket.write('{')
    assert.equal((await send(things.port, { path: '/v1/things', body: { name: 'quick' } })).status, 201)
    const answers = slow.map(next)
    for (const [at, socket] of slow.entries()) socket.write(`"name":"s ${at}"}`)
    for (const answer of await Promise.all(answers)) assert.match(answer, /^HTTP\/1\.1 (201|503) /)
    for (const socket of slow) socket.destroy()
  })
})

test('bodies that do not end use up the room of those that grant, and of none that take away', async () => {
  await withServer({ inFlightMax: 1, bodyMax: 64 }, async (things) => {
    const { json } = await send(things.port, { path: '/v1/things', body: { name: 'a' } })
    const slow = await opened(things.port, post('/v1/things', 64, '{"name":"'.padEnd(60, 'a')))
    await until(async () => (await send(things.port, { path: '/v1/things', body: { name: 'b' } })).status === 503)
    const body = { reason: 'a'.repeat(40) }
    assert.deepEqual((await send(things.port, { path: `/v1/things/${String(json['thingId'])}/take`, body })).json, { taken: true })
    slow.destroy()
    await until(async () => (await send(things.port, { path: '/v1/things', body: { name: 'c' } })).status === 201)
  })
})

test('when all the places are taken, what takes away still finds one', async () => {
  await withServer({ inFlightMax: 1 }, async (things) => {
    const { json } = await send(things.port, { path: '/v1/things', body: { name: 'a' } })
    const thing = `/v1/things/${String(json['thingId'])}`
    const gate = Promise.withResolvers<void>()
    things.switches.gate = gate.promise
    const underWay = send(things.port, wait)
    await until(async () => (await inFlight(things)) === 1)
    assert.equal((await send(things.port, { path: '/v1/things', body: { name: 'b' } })).status, 503)
    assert.equal((await send(things.port, { path: `${thing}/take`, body: { reason: 'it must' } })).status, 200)
    assert.equal((await send(things.port, { method: 'DELETE', path: thing })).status, 200)
    // The kept places end too.
    const takings = Array.from({ length: 64 }, () => send(things.port, { path: `${thing}/take`, body: { reason: 'wait' } }))
    await until(async () => (await inFlight(things)) === 65)
    assert.equal((await send(things.port, { method: 'DELETE', path: thing })).status, 503)
    gate.resolve()
    assert.deepEqual([...new Set((await Promise.all([underWay, ...takings])).map(({ status }) => status))], [200])
  })
})

test('one connection cannot take all the places by asking without reading', async () => {
  await withServer({ inFlightMax: 64 }, async (things) => {
    const gate = Promise.withResolvers<void>()
    things.switches.gate = gate.promise
    const socket = await opened(things.port, head('GET /v1/things/wait HTTP/1.1', 'Authorization: Bearer owner').repeat(500))
    await until(async () => /in_flight 1[67]\b/.test(await things.metrics.text()))
    assert.equal((await send(things.port, list)).status, 200)
    let received = ''
    socket.on('data', (chunk) => (received += chunk.toString('latin1')))
    gate.resolve()
    await until(() => answersIn(received).length === 500)
    const answers = answersIn(received)
    // 16 may queue; how many more were let in by then is up to how the bytes came in pieces.
    const [served, refused] = ['200', '503 http/overloaded'].map((wanted) => answers.filter((answer) => answer === wanted).length)
    assert.equal((served ?? 0) + (refused ?? 0), 500)
    assert.ok((refused ?? 0) > 0 && (served ?? 0) >= 16, `${served} served, ${refused} refused`)
    socket.destroy()
  })
})

test('an answer that nobody takes holds no place, and is dropped with its connection after a while', async () => {
  // More than the buffers of both ends hold.
  const openapiInfo = { title: 'Things', version: '1', description: 'a'.repeat(16 * 1024 * 1024) }
  await withServer({ inFlightMax: 1, deliveryTimeoutMs: 200 }, async (things) => {
    const socket = await opened(things.port, head('GET /openapi.json HTTP/1.1'))
    await new Promise((resolve) => socket.once('readable', resolve))
    assert.equal((await send(things.port, list)).status, 200)
    await until(async () => (await things.metrics.text()).includes('{operation="openapi",status="200"} 1'))
    let length = 0
    socket.on('data', (chunk) => (length += chunk.length))
    await new Promise((resolve) => socket.once('close', resolve))
    assert.ok(length < openapiInfo.description.length)
  }, { openapiInfo })
})

test('connections beyond the bound are closed at once, and places that become free are given again', async () => {
  await withServer({ connectionsMax: 2 }, async (things) => {
    const [first, second] = [await opened(things.port), await opened(things.port)]
    assert.equal(await sendRaw(things.port, head('GET /healthz HTTP/1.1', 'Connection: close')), '')
    first.destroy()
    await until(async () => (await sendRaw(things.port, head('GET /healthz HTTP/1.1', 'Connection: close'))).startsWith('HTTP/1.1 200'))
    second.destroy()
  })
})

/** Whether a connection from this address is served; it is closed again. */
async function isServed(port: number, from: string): Promise<boolean> {
  const socket = await opened(port, head('GET /healthz HTTP/1.1', 'Connection: close'), from)
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await new Promise((resolve) => socket.once('close', resolve))
  return Buffer.concat(chunks).toString('latin1').startsWith('HTTP/1.1 200')
}

test('one address has its share of the connections and no more, so that others find one', async () => {
  await withServer({ connectionsMax: 6, connectionsPerAddressMax: 3 }, async ({ port }) => {
    const greedy = await Promise.all(Array.from({ length: 3 }, () => opened(port, '', '127.0.0.2')))
    for (let attempt = 0; attempt < 20; attempt++) assert.equal(await isServed(port, '127.0.0.2'), false)
    assert.equal(await isServed(port, '127.0.0.3'), true)
    // Neither what was refused nor what has ended is counted.
    for (const socket of greedy) socket.destroy()
    await until(() => isServed(port, '127.0.0.2'))
    const again = await Promise.all(Array.from({ length: 2 }, () => opened(port, '', '127.0.0.2')))
    await until(() => isServed(port, '127.0.0.2'))
    for (const socket of again) socket.destroy()
  })
})

test('the connections of a trusted proxy are not counted: behind it are many', async () => {
  await withServer({ connectionsPerAddressMax: 1 }, async ({ port }) => {
    const proxied = await Promise.all(Array.from({ length: 5 }, () => opened(port, '', '127.0.0.9')))
    assert.equal(await isServed(port, '127.0.0.9'), true)
    const direct = await opened(port, '', '127.0.0.2')
    assert.equal(await isServed(port, '127.0.0.2'), false)
    for (const socket of [...proxied, direct]) socket.destroy()
  }, { trustedProxies: ['127.0.0.8/31'] })
})

test('an address that sends one refused credential after the other is told to wait, and a valid one still goes through', async () => {
  let nowMs = Date.UTC(2030, 0)
  await withServer({ refusedCredentialsMax: 3, refusedCredentialsPerS: 0.5 }, async (things) => {
    const guess = async (address: string) => {
      const { status, headers } = await send(things.port, { ...list, credential: 'guess', headers: { 'x-forwarded-for': address } })
      return [status, headers['retry-after']]
    }
    for (let attempt = 0; attempt < 3; attempt++) assert.deepEqual(await guess('192.0.2.1'), [401, undefined])
    assert.deepEqual(await guess('192.0.2.1'), [429, '2'])
    assert.deepEqual(await guess('192.0.2.2'), [401, undefined])
    assert.equal((await send(things.port, { ...list, headers: { 'x-forwarded-for': '192.0.2.1' } })).status, 200)
    assert.equal((await send(things.port, { ...list, credential: null, headers: { 'x-forwarded-for': '192.0.2.1' } })).status, 401)
    nowMs += 2_000
    assert.deepEqual(await guess('192.0.2.1'), [401, undefined])
    assert.deepEqual(await guess('192.0.2.1'), [429, '2'])
  }, { wallMs: () => nowMs, trustedProxies: ['127.0.0.1'] })
})

test('refused credentials are counted by IPv4 address and by IPv6 network, and forgotten when there are too many', () => {
  const throttle = createCredentialThrottle(1, 1)
  assert.equal(throttle.refused('2001:db8::1', 0), 0)
  assert.equal(throttle.refused('2001:db8::ffff', 0), 1)
  assert.equal(throttle.refused('2001:db8:0:1::1', 0), 0)
  assert.equal(throttle.refused('192.0.2.1', 0), 0)
  for (let index = 0; index < 9_997; index++) throttle.refused(`10.0.${index >> 8}.${index & 255}`, 0)
  assert.equal(throttle.refused('192.0.2.1', 0), 1, 'still remembered')
  throttle.refused('192.0.2.2', 0)
  throttle.refused('192.0.2.3', 0)
  assert.equal(throttle.refused('192.0.2.1', 0), 1, 'refused again a moment ago, so others were forgotten')
  assert.equal(throttle.refused('2001:db8::1', 0), 0, 'refused longest ago')
})

test('a server that stops answers what is under way, refuses what is new, and is then gone', async () => {
  const things = await startServer()
  const gate = Promise.withResolvers<void>()
  things.switches.gate = gate.promise
  const underWay = send(things.port, wait)
  await until(async () => (await inFlight(things)) === 1)
  const late = await opened(things.port, 'GET /v1/thi')
  let received = ''
  late.on('data', (chunk) => (received += chunk.toString('latin1')))
  const lateClosed = new Promise((resolve) => late.once('close', resolve))
  const closed = things.server.close()
  late.write(`ngs HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer owner\r\n\r\n`)
  await lateClosed
  assert.deepEqual(answersIn(received), ['503 http/shutting-down'])
  assert.match(received, /retry-after: 1\r\n/)
  assert.match(received, /connection: close\r\n/i)
  gate.resolve()
  const { status, headers } = await underWay
  assert.deepEqual([status, headers['connection']], [200, 'close'])
  await closed
  await assert.rejects(send(things.port, list), { code: 'ECONNREFUSED' })
  await things.storage.close()
})

test('connections that ask nothing do not hold up a server that stops', async () => {
  const things = await startServer({ limits: { drainMs: 600_000, headersTimeoutMs: 600_000, requestTimeoutMs: 600_000, keepAliveMs: 600_000 } })
  const silent = await opened(things.port)
  const half = await opened(things.port, 'GET /v1/things HTTP/1.1\r\nHo')
  const idle = await opened(things.port, head('GET /healthz HTTP/1.1'))
  await new Promise((resolve) => idle.once('data', resolve))
  const closings = [silent, half, idle].map((socket) => new Promise((resolve) => socket.resume().once('close', resolve)))
  await things.close()
  await Promise.all(closings)
})

test('a request that does not end is given up when the time to drain has passed', async () => {
  const things = await startServer({ limits: { drainMs: 50 } })
  const gate = Promise.withResolvers<void>()
  things.switches.gate = gate.promise
  const never = assert.rejects(send(things.port, wait), { code: 'ECONNRESET' })
  await until(async () => (await inFlight(things)) === 1)
  await things.server.close()
  await never
  assert.ok(things.logLines.some((line) => line.includes('still under way')))
  gate.resolve()
  await things.storage.close()
})
