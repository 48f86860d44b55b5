import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { inspect } from 'node:util'
import { createClaviger, type Claviger, type ClavigerOptions } from './client.ts'
import { ClavigerProblem, ClavigerSecretLost, ClavigerUnavailable, isProblemOf } from './errors.ts'
import { credential, sendJson, sendProblem, startStandIn, validAnswer, type StandIn } from './fixtures.ts'
import type { AnswerInfo } from './operation.ts'

let standIn: StandIn
let claviger: Claviger

before(async () => {
  standIn = await startStandIn()
})
after(() => standIn.close())
beforeEach(() => {
  ;(standIn.requests as unknown[]).length = 0
  claviger = client()
})

const client = (options: Partial<ClavigerOptions> = {}): Claviger => createClaviger({ url: standIn.url, credential, ...options })
const created = { keyId: 'key_0123456789abcdef', secret: 'rpc_live_shown_once' }
const newKey = { environmentId: 'env_0123456789abcdef', name: 'A key', permissions: ['rpc:read'] }
const verify = (own = claviger, options = {}) => own.keys.verify({ key: 'k' }, options)

async function errorOf(work: Promise<unknown>): Promise<Error> {
  const error: unknown = await work.then(() => null, (reason: unknown) => reason)
  assert.ok(error instanceof Error, 'it rejects')
  return error
}

async function unavailableOf(work: Promise<unknown>): Promise<ClavigerUnavailable> {
  const error = await errorOf(work)
  assert.ok(error instanceof ClavigerUnavailable, inspect(error))
  return error
}

test('a call sends credential, version and body, and resolves with the output and all members of it', async () => {
  standIn.answer = (response) => sendJson(response, 201, { ...created, later: 'member' }, { 'claviger-request-id': 'req_7', 'claviger-audit-entry': 'ent_7' })
  const infos: AnswerInfo[] = []
  const output = await claviger.keys.create(newKey, { onAnswer: (info) => infos.push(info) })
  assert.deepEqual(output, { ...created, later: 'member' } as unknown)
  assert.deepEqual(infos, [{ requestId: 'req_7', auditEntryId: 'ent_7', replayed: false }])
  const [request] = standIn.requests
  assert.equal(request?.url, '/v1/keys')
  assert.equal(request.headers.authorization, `Bearer ${credential}`)
  assert.match(request.headers['user-agent'] ?? '', /^claviger-sdk-typescript\/\d+\.\d+\.\d+$/)
  assert.match(String(request.headers['idempotency-key']), /^[0-9a-f]{32}$/)
  assert.deepEqual(JSON.parse(request.body), newKey)
})

test('a problem is thrown with everything it says, narrowed to its operation', async () => {
  standIn.answer = (response) =>
    sendProblem(response, 422, 'keys/breaks-policy', { 'claviger-request-id': 'req_8' }, { errors: [{ pointer: '/expiresAt', detail: 'Too late.', more: 1 }, 7], later: true })
  const error = await errorOf(claviger.keys.create(newKey))
  assert.ok(isProblemOf(error, 'keys.create') && !isProblemOf(error, 'keys.revoke'))
  // A typed union: TypeScript would refuse a code that this operation does not have.
  assert.ok(error.code === 'keys/breaks-policy')
  assert.equal(error.status, 422)
  assert.equal(error.title, 'A title')
  assert.equal(error.detail, 'A detail.')
  assert.deepEqual(error.errors, [{ pointer: '/expiresAt', detail: 'Too late.' }])
  assert.equal(error.requestId, 'req_8')
  assert.equal(error.retryAfterS, null)
  assert.equal(error.message, 'keys.create: keys/breaks-policy: A detail.')
  assert.equal(standIn.requests.length, 1, 'a refusal is not asked for twice')
})

test('an answer that does not speak as Claviger does is no answer, and is not asked for again', async () => {
  const answers: Readonly<Record<string, StandIn['answer']>> = {
    'a page of HTML': (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Hello</h1>'),
    'no content type': (response) => response.writeHead(200).end('{"valid":true}'),
    'not JSON': (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"valid":tru'),
    'an array': (response) => sendJson(response, 200, [validAnswer]),
    'null': (response) => sendJson(response, 200, null),
    'not UTF-8': (response) => response.writeHead(200, { 'content-type': 'application/json' }).end(Buffer.from('7b2276ff223a317d', 'hex')),
    'empty': (response) => response.writeHead(200, { 'content-type': 'application/json' }).end(),
    'another success': (response) => sendJson(response, 201, validAnswer),
    'no content': (response) => response.writeHead(204).end(),
    'a redirect': (response) => response.writeHead(307, { location: `${standIn.url}/elsewhere` }).end(),
    'a redirect with a problem': (response) => sendProblem(response, 301, 'http/not-found'),
    'a 403 of something else': (response) => response.writeHead(403, { 'content-type': 'text/plain' }).end('no'),
    'a problem without a code': (response) => sendProblem(response, 403, ''),
    'a problem whose code is none': (response) => sendProblem(response, 403, 'Bad Code\r\n'),
    'a 500 of something else': (response) => response.writeHead(500).end('oops'),
  }
  for (const [name, answer] of Object.entries(answers)) {
    ;(standIn.requests as unknown[]).length = 0
    standIn.answer = answer
    const error = await unavailableOf(verify())
    assert.equal(error.reason, 'unexpected-answer', name)
    assert.equal(standIn.requests.length, 1, name)
  }
})

test('an endless answer is given up', async () => {
  let isOpen = true
  standIn.answer = (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.on('close', () => { isOpen = false })
    const more = (): void => {
      while (isOpen && response.write(' '.repeat(1 << 20)));
      if (isOpen) response.once('drain', more)
    }
    more()
  }
  assert.match((await unavailableOf(verify())).message, /longer than/)
})

test('a request is sent again when the connection breaks, and not more often than said', async () => {
  standIn.answer = (_response, _request, socket) => socket.destroy()
  for (const retriesMax of [0, 1, 2]) {
    ;(standIn.requests as unknown[]).length = 0
    const error = await unavailableOf(verify(client({ retriesMax })))
    assert.equal(error.reason, 'connection')
    assert.equal(standIn.requests.length, retriesMax + 1)
  }
})

test('a write is sent again under the same idempotency key, and its answer counts', async () => {
  standIn.answer = (response, _request, socket) => {
    if (standIn.requests.length === 1) socket.destroy()
    else if (standIn.requests.length === 2) response.writeHead(200, { 'content-type': 'application/json', 'content-length': '999' }).write('{"keyId":', () => socket.destroy())
    else sendJson(response, 200, { keyId: 'key_0123456789abcdef' })
  }
  await claviger.keys.revoke({ keyId: 'key_0123456789abcdef', reason: 'superseded' })
  assert.equal(standIn.requests.length, 3)
  assert.equal(new Set(standIn.requests.map(({ headers }) => headers['idempotency-key'])).size, 1)
  assert.equal(new Set(standIn.requests.map(({ body }) => body)).size, 1)
})

test('429 and 503 are tried again when the server says after how long, and gateways in between too', async () => {
  const transient: readonly StandIn['answer'][] = [
    (response) => sendProblem(response, 429, 'http/too-many-requests', { 'retry-after': '0' }),
    (response) => sendProblem(response, 503, 'http/overloaded', { 'retry-after': '0' }),
    (response) => response.writeHead(502, { 'content-type': 'text/html' }).end('Bad gateway'),
    (response) => response.writeHead(504).end(),
  ]
  for (const answer of transient) {
    ;(standIn.requests as unknown[]).length = 0
    standIn.answer = (response, request, socket) => (standIn.requests.length < 3 ? answer(response, request, socket) : sendJson(response, 200, validAnswer))
    await verify()
    assert.equal(standIn.requests.length, 3)
  }
})

test('429 without a time to wait is answered at once, and so is a wait that is longer than the call may take', async () => {
  standIn.answer = (response) => sendProblem(response, 429, 'http/too-many-requests')
  assert.ok((await errorOf(verify())) instanceof ClavigerProblem)
  assert.equal(standIn.requests.length, 1)
  standIn.answer = (response) => sendProblem(response, 503, 'http/overloaded', { 'retry-after': '3600' })
  const error = await errorOf(verify())
  assert.ok(error instanceof ClavigerProblem && error.retryAfterS === 3_600)
  assert.equal(standIn.requests.length, 2)
})

test('a server that does not answer, and one that stops within its answer, end in a timeout', async () => {
  const hangs: readonly StandIn['answer'][] = [
    () => {},
    (response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{'),
  ]
  for (const answer of hangs) {
    standIn.answer = answer
    assert.equal((await unavailableOf(verify(client({ timeoutMs: 50 })))).reason, 'timeout')
    assert.equal((await unavailableOf(verify(claviger, { timeoutMs: 50 }))).reason, 'timeout')
  }
})

test('a fetch and a credential function that never settle end in a timeout too', async () => {
  const never = new Promise<never>(() => {})
  assert.equal((await unavailableOf(verify(client({ timeoutMs: 20, fetch: () => never })))).reason, 'timeout')
  assert.equal((await unavailableOf(verify(client({ timeoutMs: 20, credential: () => never })))).reason, 'timeout')
})

test('a call that its caller gives up rejects with the reason: before, while it waits for an answer, and between tries', async () => {
  const reason = new Error('changed my mind')
  assert.equal(await errorOf(verify(claviger, { signal: AbortSignal.abort(reason) })), reason)
  assert.equal(standIn.requests.length, 0)

  const controller = new AbortController()
  standIn.answer = () => controller.abort(reason)
  assert.equal(await errorOf(verify(claviger, { signal: controller.signal })), reason)

  const second = new AbortController()
  standIn.answer = (response) => {
    sendProblem(response, 503, 'http/overloaded', { 'retry-after': '5' })
    setTimeout(() => second.abort(reason), 20)
  }
  ;(standIn.requests as unknown[]).length = 0
  assert.equal(await errorOf(verify(claviger, { signal: second.signal })), reason)
  assert.equal(standIn.requests.length, 1)
})

test('a creation whose answer was lost says so, with what it made, and not that it has no secret', async () => {
  standIn.answer = (response) => sendJson(response, 201, { keyId: 'key_0123456789abcdef' }, { 'idempotency-replayed': 'true' })
  const error = await errorOf(claviger.keys.create(newKey))
  assert.ok(error instanceof ClavigerSecretLost)
  assert.deepEqual(error.output, { keyId: 'key_0123456789abcdef' })
  standIn.answer = (response) => sendJson(response, 201, { keyId: 'key_0123456789abcdef' })
  assert.equal((await unavailableOf(claviger.keys.create(newKey))).reason, 'unexpected-answer')
})

test('the credential stands in no error, however deep one looks, nor in the client', async () => {
  const causes: readonly StandIn['answer'][] = [
    (_response, _request, socket) => socket.destroy(),
    (response) => response.writeHead(500).end(credential),
    (response) => sendProblem(response, 401, 'http/unauthenticated'),
    () => {},
  ]
  for (const answer of causes) {
    standIn.answer = answer
    const error = await errorOf(verify(claviger, { timeoutMs: 100 }))
    assert.doesNotMatch(inspect(error, { depth: 20, showHidden: true }), /SECRETSECRET/)
  }
  assert.doesNotMatch(inspect(claviger, { depth: 20, showHidden: true }), /SECRETSECRET/)
  assert.throws(() => client({ credential: `${credential}\n` }), (error) => error instanceof TypeError && !inspect(error).includes('SECRETSECRET'))
})

test('a rotated credential counts from the next request on, a retry included', async () => {
  let generation = 0
  standIn.answer = (response, _request, socket) => (standIn.requests.length === 1 ? socket.destroy() : sendJson(response, 200, validAnswer))
  await verify(client({ credential: () => `generation-${++generation}` }))
  assert.deepEqual(standIn.requests.map(({ headers }) => headers.authorization), ['Bearer generation-1', 'Bearer generation-2'])
})

test('nothing listening is a connection failure', async () => {
  const closed = await startStandIn()
  await closed.close()
  assert.equal((await unavailableOf(verify(client({ url: closed.url })))).reason, 'connection')
})

test('a list goes on page after page, and ends at the last', async () => {
  standIn.answer = (response, { url }) => {
    const cursor = new URL(url, standIn.url).searchParams.get('cursor')
    if (cursor === null) sendJson(response, 200, { items: [1, 2], nextCursor: 'a/b c' })
    else if (cursor === 'a/b c') sendJson(response, 200, { items: [], nextCursor: 'z' })
    else sendJson(response, 200, { items: [3], nextCursor: null })
  }
  const items: unknown[] = []
  for await (const item of claviger.principals.listAll({ limit: 2, role: 'owner' })) items.push(item)
  assert.deepEqual(items, [1, 2, 3])
  assert.deepEqual(standIn.requests.map(({ url }) => url), [
    '/v1/principals?limit=2&role=owner', '/v1/principals?limit=2&cursor=a%2Fb%20c&role=owner', '/v1/principals?limit=2&cursor=z&role=owner',
  ])
})

test('a list that is left early asks for no further page', async () => {
  standIn.answer = (response) => sendJson(response, 200, { items: [1, 2], nextCursor: 'next' })
  for await (const _item of claviger.principals.listAll()) break
  assert.equal(standIn.requests.length, 1)
})

test('a list that does not go on, or is none, ends in an error, not in a loop', async () => {
  const drain = async () => {
    for await (const _item of claviger.principals.listAll());
  }
  for (const page of [{ items: [], nextCursor: 'same' }, { items: 1, nextCursor: null }, { items: [] }]) {
    standIn.answer = (response) => sendJson(response, 200, page)
    assert.equal((await unavailableOf(drain())).reason, 'unexpected-answer')
  }
})

test('options that make no sense are told when the client is made', () => {
  for (const options of [{ retriesMax: -1 }, { retriesMax: 11 }, { retriesMax: 0.5 }, { url: 'http://claviger.example' }, { credential: 'two words' }]) {
    assert.throws(() => client(options), TypeError)
  }
})
