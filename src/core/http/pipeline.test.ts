import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { Fault } from '#core/base/fault'
import { cryptoFaults } from '#core/crypto/faults'
import { httpFaults } from './faults.ts'
import { outcomeOf as outcome, send, startServer, thingFaults, type TestAnswer, type TestRequest, type TestServer } from './fixtures.ts'

let things: TestServer
let path = ''
before(async () => {
  things = await startServer()
  path = `/v1/things/${String((await send(things.port, { path: '/v1/things', body: { name: 'there' } })).json['thingId'])}`
})
after(() => things.close())
afterEach(() => {
  things.logLines.length = 0
  things.acts.length = 0
  things.switches.echo = { valid: true }
})

const missing = '/v1/things/key_zzzzzzzzzzzzzzzz'
/** All that tells one answer from another, save the request's id. */
const essence = ({ status, headers, text }: TestAnswer): string => {
  const { date, 'claviger-request-id': requestId = '', ...rest } = headers
  assert.ok(date !== undefined)
  return JSON.stringify([status, rest, text.replace(String(requestId), '')])
}
const echo = (answer: unknown): Promise<TestAnswer> => {
  things.switches.echo = answer
  return send(things.port, { path: '/v1/things/echo', body: {} })
}
const log = (): readonly Record<string, unknown>[] => things.logLines.map((line) => JSON.parse(line) as Record<string, unknown>)

test('whoever is not known hears the same of everything, and that before anything they sent is looked at', async () => {
  const requests: readonly TestRequest[] = [
    { path }, { path: missing }, { path: '/v1/things/nonsense' }, { path: '/v1/things?nonsense=1' }, { path: '/v1/things', body: 'nonsense' },
    { path: '/v1/things', body: 'a'.repeat(300_000) }, { method: 'PATCH', path, body: {}, headers: { 'if-match': 'nonsense' } }, { method: 'DELETE', path },
  ]
  for (const credential of [null, 'nobody']) {
    const answers = await Promise.all(requests.map((request) => send(things.port, { ...request, credential })))
    for (const answer of answers) {
      assert.equal(outcome(answer), '401 http/unauthenticated')
      assert.equal(answer.headers['www-authenticate'], credential === null ? 'Bearer realm="claviger"' : 'Bearer realm="claviger", error="invalid_token"')
    }
    const [first, ...others] = answers.filter(({ headers }) => headers['connection'] !== 'close').map(essence)
    for (const other of others) assert.equal(other, first)
  }
})

test('whoever may not know that targets exist gets one answer for those that do and those that do not', async () => {
  for (const request of [{}, { method: 'PATCH', body: { size: 1 } }, { method: 'DELETE' }, { method: 'PATCH', body: 'nonsense' }]) {
    const answers = [await send(things.port, { ...request, path, credential: 'creator' }), await send(things.port, { ...request, path: missing, credential: 'creator' })]
    assert.equal(outcome(answers[0]!), '404 http/not-found')
    assert.equal(essence(answers[0]!), essence(answers[1]!))
  }
})

test('whoever may know it, but not act, hears which permission is missing, whether the target exists or not', async () => {
  for (const target of [path, missing]) {
    const answer = await send(things.port, { method: 'DELETE', path: target, credential: 'reader' })
    assert.equal(outcome(answer), '403 http/forbidden')
    assert.equal(answer.headers['www-authenticate'], 'Bearer realm="claviger", error="insufficient_scope", scope="things:delete"')
    assert.match(String(answer.json['detail']), /things:delete/)
  }
  assert.equal((await send(things.port, { path, credential: 'reader' })).status, 200)
})

test('what a caller may not do without naming a target is forbidden, and not hidden', async () => {
  assert.equal(outcome(await send(things.port, { path: '/v1/things', credential: 'creator' })), '403 http/forbidden')
  assert.equal(outcome(await send(things.port, { path: '/metrics', credential: 'reader' })), '403 http/forbidden')
  assert.equal(outcome(await send(things.port, { path: '/metrics', credential: null })), '401 http/unauthenticated')
})

test('it makes no difference to an answer whether the caller was known at once or looked up', async () => {
  assert.equal(essence(await send(things.port, { path, credential: 'later-owner' })), essence(await send(things.port, { path })))
  const deletion = { method: 'DELETE', path: missing }
  assert.equal(essence(await send(things.port, { ...deletion, credential: 'later-creator' })), essence(await send(things.port, { ...deletion, credential: 'creator' })))
})

test('a caller that cannot be looked up is not let in: an outage is 503, a refusal 401, a defect an opaque 500', async () => {
  const outages: readonly (readonly [Error, string])[] = [
    [cryptoFaults['key-process-unavailable']('Try again.', { retryAfterS: 2 }), '503 crypto/key-process-unavailable'],
    [httpFaults.unauthenticated('Unknown.'), '401 http/unauthenticated'],
    [new Error('secret-of-the-database'), '500 core/internal'],
  ]
  for (const [error, answer] of outages) {
    for (const authenticate of [() => Promise.reject(error), () => { throw error }]) {
      const server = await startServer({ ports: { authenticate, record: () => assert.fail('recorded') } })
      const refused = await send(server.port, { path: '/v1/things', body: { name: 'a' } })
      assert.equal(outcome(refused), answer)
      assert.equal(refused.headers['retry-after'], error instanceof Fault && error.retryAfterS !== undefined ? '2' : undefined)
      assert.ok(!refused.text.includes('secret-of-the-database'))
      await server.close()
    }
  }
})

test('an error that nobody expected is told to the operator in full, and to the caller as a number to ask for', async () => {
  const answer = await echo(new Error('the reason, in words for operators'))
  assert.equal(outcome(answer), '500 core/internal')
  assert.ok(!answer.text.includes('reason') && !('detail' in answer.json))
  const [failure] = log().filter(({ level }) => level === 'error')
  assert.equal(failure?.['request'], answer.headers['claviger-request-id'])
  assert.match(JSON.stringify(failure), /the reason, in words for operators/)
})

test('what a fault tells operators is logged and not answered', async () => {
  const answer = await echo(cryptoFaults['cannot-unwrap']('A stored key cannot be opened.', { context: { row: 'key/17' }, cause: new Error('tag mismatch') }))
  assert.deepEqual([outcome(answer), answer.json['detail']], ['500 crypto/cannot-unwrap', 'A stored key cannot be opened.'])
  assert.ok(!answer.text.includes('key/17') && !answer.text.includes('mismatch'))
  assert.match(things.logLines.join(''), /key\/17.*|tag mismatch/)
})

test('a fault that an operation does not declare is answered as it is, and reported as the defect that it is', async () => {
  assert.equal(outcome(await echo(thingFaults.undeclared('Not declared.'))), '409 things/undeclared')
  assert.ok(log().some(({ level, code, operation }) => level === 'error' && code === 'things/undeclared' && operation === 'things.echo'))
  things.logLines.length = 0
  assert.equal(outcome(await send(things.port, { path: missing })), '404 things/not-found')
  assert.ok(log().every(({ level }) => level !== 'error'))
})

test('an output that an operation does not declare is not answered', async () => {
  for (const output of [{ valid: 'yes' }, {}, { valid: true, secret: 'hunter2' }, null, [], 'text']) {
    const answer = await echo(output)
    assert.equal(outcome(answer), '500 core/internal', JSON.stringify(output))
    assert.ok(!answer.text.includes('hunter2'))
  }
  assert.equal(outcome(await echo({ valid: false })), '200')
})

test('every request has an id of its own, which the answer, the problem and the log line share', async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => send(things.port, { path, headers: { 'claviger-request-id': 'req_mine', 'x-request-id': 'mine' } })))
  const ids = new Set(answers.map(({ headers }) => String(headers['claviger-request-id'])))
  assert.equal(ids.size, 20)
  for (const id of ids) assert.match(id, /^req_[0-9A-Za-z]{16}$/)
  assert.deepEqual(new Set(log().map(({ request }) => request)), ids)
})

test('a log line says which operation, by whom, with what outcome and how long, and nothing that was sent', async () => {
  await send(things.port, { path: '/v1/things', body: { name: 'not to be logged', secret: 'hunter2' } })
  await send(things.port, { path: '/v1/things?cursor=not-to-be-logged' })
  const [created, listed] = log()
  assert.deepEqual(
    [created?.['level'], created?.['operation'], created?.['status'], created?.['principal'], typeof created?.['ms']],
    ['info', 'things.create', 201, 'prn_0000000000000000', 'number'],
  )
  assert.deepEqual([listed?.['level'], listed?.['status'], listed?.['code']], ['debug', 400, 'http/invalid-cursor'])
  assert.doesNotMatch(things.logLines.join(''), /to.be.logged|hunter2|owner/)
})

test('every answer is marked as not to be stored', async () => {
  for (const request of [{ path }, { path: missing }, { path: '/docs' }, { path: '/nowhere' }]) {
    assert.equal((await send(things.port, request)).headers['cache-control'], 'no-store')
  }
})
