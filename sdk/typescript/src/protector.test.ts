import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, beforeEach, test } from 'node:test'
import { inspect } from 'node:util'
import type { VerdictVector } from '../../../scripts/generate-vectors.ts'
import { ClavigerProblem, ClavigerUnavailable } from './errors.ts'
import { credential, presentedKey, refusedAnswer, sendJson, sendProblem, startStandIn, validAnswer, type StandIn } from './fixtures.ts'
import { createProtector, type ProtectorOptions, type Verification, type VerificationDemand } from './protector.ts'

let standIn: StandIn
const failures: unknown[] = []
const { environmentId } = validAnswer

before(async () => {
  standIn = await startStandIn()
})
after(() => standIn.close())
beforeEach(() => {
  ;(standIn.requests as unknown[]).length = 0
  failures.length = 0
})

const protector = (options: Partial<ProtectorOptions> = {}) =>
  createProtector({ url: standIn.url, credential, environmentId, onFailure: (error) => failures.push(error), ...options })
const verify = (demand: Partial<VerificationDemand> = {}, options: Partial<ProtectorOptions> = {}) =>
  protector(options).verify(presentedKey, { permissions: 'rpc:read', ...demand })

function refusalOf(verification: Verification) {
  assert.ok(!verification.valid, 'it is refused')
  return verification.refusal
}

test('a valid key is let through, with what Claviger says of it and without the key itself', async () => {
  standIn.answer = (response) => sendJson(response, 200, { ...validAnswer, later: 'member' })
  const verification = await verify({ clientIp: '203.0.113.7', origin: 'https://app.example.com' })
  assert.ok(verification.valid)
  const { valid: _valid, code: _code, ...expected } = validAnswer
  assert.deepEqual(JSON.parse(JSON.stringify(verification.key)), expected)
  assert.doesNotMatch(inspect(verification, { depth: 20, showHidden: true }) + JSON.stringify(verification), /KEYKEY|SECRETSECRET/)
  assert.deepEqual(JSON.parse(standIn.requests[0]!.body), {
    key: presentedKey, environmentId, clientIp: '203.0.113.7', origin: 'https://app.example.com', permissions: { all: ['rpc:read'] },
  })
})

test('every verdict of the vectors is answered as they say, with a problem of its own', async () => {
  const verdicts = JSON.parse(readFileSync(new URL('../../../vectors/verdicts.json', import.meta.url), 'utf8')) as Readonly<Record<string, VerdictVector>>
  assert.ok(Object.keys(verdicts).length >= 17)
  for (const [code, { httpStatus, title, challengeError, retryAfter }] of Object.entries(verdicts)) {
    standIn.answer = (response) => sendJson(response, 200, refusedAnswer(code))
    const refusal = refusalOf(await verify())
    assert.equal(refusal.status, httpStatus, code)
    assert.deepEqual(JSON.parse(refusal.body), { type: `urn:claviger:refusal:${code}`, title, status: httpStatus, code })
    const scope = challengeError === 'insufficient_scope' ? ', scope="rpc:read"' : ''
    assert.equal(refusal.headers['www-authenticate'], challengeError === null ? undefined : `Bearer realm="api", error="${challengeError}"${scope}`)
    assert.equal(refusal.headers['retry-after'], retryAfter ? '1' : undefined)
    assert.equal(refusal.headers['content-type'], 'application/problem+json')
    assert.equal(refusal.headers['cache-control'], 'no-store')
  }
})

test('a reason that only a newer Claviger knows refuses all the same', async () => {
  standIn.answer = (response) => sendJson(response, 200, refusedAnswer('signature-needed'))
  const refusal = refusalOf(await verify())
  assert.deepEqual([refusal.status, refusal.code], [401, 'signature-needed'])
})

test('nothing but a clear yes lets through: every other answer is 503, and said to the operator', async () => {
  const answers: Readonly<Record<string, object>> = {
    'valid that is not true': { ...validAnswer, valid: 'true' },
    'valid that is 1': { ...validAnswer, valid: 1 },
    'no valid at all': { code: 'valid' },
    'yes and no': { ...validAnswer, code: 'revoked' },
    'no and yes': { ...validAnswer, valid: false },
    'a code that is none': refusedAnswer('Not A Code"\r\n'),
    'no code': { ...refusedAnswer('revoked'), code: null },
    'a key of another environment': { ...validAnswer, environmentId: 'env_ffffffffffffffff' },
    'no key': { ...validAnswer, keyId: null },
    'no permissions': { ...validAnswer, permissions: null },
    'an empty object': {},
  }
  for (const [name, answer] of Object.entries(answers)) {
    failures.length = 0
    standIn.answer = (response) => sendJson(response, 200, answer)
    const refusal = refusalOf(await verify())
    assert.deepEqual([refusal.status, refusal.code, refusal.headers['retry-after']], [503, 'unavailable', '1'], name)
    assert.ok(failures[0] instanceof ClavigerUnavailable, name)
  }
})

test('Claviger away, failing, redirecting, busy, or refusing our own credential is 503, never 401, and never let through', async () => {
  const answers: Readonly<Record<string, StandIn['answer']>> = {
    'the connection breaks': (_response, _request, socket) => socket.destroy(),
    'no answer': () => {},
    'a 500': (response) => sendProblem(response, 500, 'core/internal'),
    'a 502 of a proxy': (response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>'),
    'our credential is refused': (response) => sendProblem(response, 401, 'http/unauthenticated', { 'www-authenticate': 'Bearer error="invalid_token"' }),
    'our credential may not verify': (response) => sendProblem(response, 403, 'http/forbidden'),
    'we ask too often': (response) => sendProblem(response, 429, 'http/too-many-requests', { 'retry-after': '30' }),
    'a 404 of something else': (response) => response.writeHead(404).end('not here'),
    'a valid answer with the wrong status': (response) => sendJson(response, 203, validAnswer),
    'a valid answer that is called HTML': (response) => response.writeHead(200, { 'content-type': 'text/html' }).end(JSON.stringify(validAnswer)),
    'a redirect': (response) => response.writeHead(302, { location: `${standIn.url}/valid` }).end(),
    'an answer that is far too long': (response) => sendJson(response, 200, { ...validAnswer, padding: 'x'.repeat(100_000) }),
    'an answer that stops': (response, _request, socket) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' })
      response.write(JSON.stringify(validAnswer), () => socket.destroy())
    },
  }
  for (const [name, answer] of Object.entries(answers)) {
    failures.length = 0
    standIn.answer = answer
    const refusal = refusalOf(await verify({}, { timeoutMs: 150 }))
    assert.deepEqual([refusal.status, refusal.code, refusal.headers['www-authenticate']], [503, 'unavailable', undefined], name)
    assert.equal(refusal.headers['retry-after'], name === 'we ask too often' ? '30' : '1', name)
    assert.ok(failures[0] instanceof ClavigerUnavailable || failures[0] instanceof ClavigerProblem, name)
    assert.doesNotMatch(inspect(failures, { depth: 20, showHidden: true }), /KEYKEY|SECRETSECRET/, name)
  }
})

test('what is no credential is refused without asking anybody', async () => {
  for (const key of ['', 'a b', 'x'.repeat(513), 'a\r\nb', 'é', '"', 'a\0']) {
    assert.equal(refusalOf(await protector().verify(key, { permissions: [] })).code, 'malformed')
  }
  assert.equal(standIn.requests.length, 0)
})

test('a key that nothing would be enough for is still verified: 401 when it counts for nothing, else 403', async () => {
  standIn.answer = (response) => sendJson(response, 200, refusedAnswer('revoked'))
  assert.equal(refusalOf(await verify({ permissions: null })).status, 401)
  standIn.answer = (response) => sendJson(response, 200, validAnswer)
  for (const permissions of [null, { any: [] }, 'not a permission"']) {
    const refusal = refusalOf(await verify({ permissions }))
    assert.deepEqual([refusal.status, refusal.code], [403, 'permission-denied'])
    assert.equal(refusal.headers['www-authenticate'], 'Bearer realm="api", error="insufficient_scope"')
  }
})

test('addresses and origins that are none are not passed on', async () => {
  standIn.answer = (response) => sendJson(response, 200, validAnswer)
  for (const [clientIp, origin] of [['unknown', 'null'], ['203.0.113.7, 10.0.0.1', 'https://a.example/'], [null, null], [undefined, undefined]]) {
    await verify({ clientIp, origin, permissions: [] })
  }
  for (const { body } of standIn.requests) assert.deepEqual(JSON.parse(body), { key: presentedKey, environmentId })
})

test('a verified key is verified again for something else, from the same client', async () => {
  standIn.answer = (response) => sendJson(response, 200, validAnswer)
  const verification = await verify({ clientIp: '203.0.113.7' })
  assert.ok(verification.valid)
  standIn.answer = (response) => sendJson(response, 200, refusedAnswer('permission-denied'))
  const refusal = refusalOf(await verification.key.verify('rpc:write'))
  assert.equal(refusal.headers['www-authenticate'], 'Bearer realm="api", error="insufficient_scope", scope="rpc:write"')
  assert.deepEqual(JSON.parse(standIn.requests[1]!.body), { key: presentedKey, environmentId, clientIp: '203.0.113.7', permissions: { all: ['rpc:write'] } })
})

test('no more verifications than may are under way; who finds no place is answered 503', async () => {
  let underWay = 0
  let mostUnderWay = 0
  standIn.answer = (response) => {
    mostUnderWay = Math.max(mostUnderWay, ++underWay)
    setTimeout(() => {
      underWay--
      sendJson(response, 200, validAnswer)
    }, 10)
  }
  const own = protector({ concurrencyMax: 3, waitingMax: 5, timeoutMs: 5_000 })
  const verifications = await Promise.all(Array.from({ length: 10 }, () => own.verify(presentedKey, { permissions: [] })))
  assert.equal(mostUnderWay, 3)
  assert.deepEqual(verifications.map(({ valid }) => valid), [true, true, true, true, true, true, true, true, false, false])
  assert.equal(refusalOf(verifications[9]!).status, 503)
  assert.ok((await own.verify(presentedKey, { permissions: [] })).valid, 'places are free again')
})

test('who waits for a place longer than a verification may take is answered 503', async () => {
  standIn.answer = () => {}
  const own = protector({ concurrencyMax: 1, timeoutMs: 60 })
  const verifications = await Promise.all([1, 2, 3].map(() => own.verify(presentedKey, { permissions: [] })))
  assert.deepEqual(verifications.map((verification) => refusalOf(verification).status), [503, 503, 503])
})

const presented = (headers: Readonly<Record<string, readonly string[]>>, options: Partial<ProtectorOptions> = {}, query: readonly string[] = []) => {
  const found = protector(options).presented({ header: (name) => headers[name] ?? [], query: (name) => (name === 'api_key' ? query : []) })
  return 'key' in found ? found.key : found.refusal.code
}

test('a key is read from `Authorization: Bearer`, in any case of the scheme, and from nowhere else', () => {
  for (const scheme of ['Bearer', 'bearer', 'BEARER']) assert.equal(presented({ authorization: [`${scheme} ${presentedKey}`] }), presentedKey)
  assert.equal(presented({}), 'missing-key')
  assert.equal(presented({ 'x-api-key': [presentedKey] }, {}, [presentedKey]), 'missing-key')
  for (const other of ['Basic dXNlcjpwYXNz', presentedKey, 'Bearer', 'BearerX', '']) assert.equal(presented({ authorization: [other] }), 'missing-key', other)
  for (const bad of ['Bearer ', `Bearer  ${presentedKey}`, `Bearer ${presentedKey} `, `Bearer ${presentedKey}, Bearer ${presentedKey}`, `Bearer ${'x'.repeat(600)}`, `Bearer ${presentedKey}\u00e9`]) {
    assert.equal(presented({ authorization: [bad] }), 'malformed', bad)
  }
})

test('a key that is sent twice is refused, even the same one', () => {
  assert.equal(presented({ authorization: [`Bearer ${presentedKey}`, `Bearer ${presentedKey}`] }), 'malformed')
  assert.equal(presented({ authorization: ['Basic dXNlcjpwYXNz', `Bearer ${presentedKey}`] }), 'malformed')
  assert.equal(presented({ authorization: [`Bearer ${presentedKey}`] }, { unsafeQueryParameter: 'api_key' }, [presentedKey]), 'malformed')
})

test('another header, or a query parameter, carries the key where that is spelled out', () => {
  assert.equal(presented({ 'x-api-key': [presentedKey] }, { header: 'X-API-Key' }), presentedKey)
  assert.equal(presented({ authorization: [`Bearer ${presentedKey}`] }, { header: 'X-API-Key' }), 'missing-key')
  assert.equal(presented({}, { unsafeQueryParameter: 'api_key' }, [presentedKey]), presentedKey)
  assert.equal(presented({}, { unsafeQueryParameter: 'api_key' }, [presentedKey, presentedKey]), 'malformed')
})

test('a missing key is 401 with a challenge that names no error', () => {
  const found = protector({ realm: 'Market data' }).presented({ header: () => [], query: () => [] })
  assert.ok('refusal' in found)
  assert.deepEqual([found.refusal.status, found.refusal.headers['www-authenticate']], [401, 'Bearer realm="Market data"'])
})

test('options that would be misunderstood are told when the protector is made', () => {
  const wrong: readonly Partial<ProtectorOptions>[] = [
    { environmentId: undefined }, { unsafeAnyEnvironment: true }, { realm: 'a"b' }, { realm: '' }, { realm: 'a\r\nb' }, { header: 'x y' }, { header: 'x\r\ny' }, { header: '' },
    { concurrencyMax: 0 }, { waitingMax: -1 }, { url: 'http://claviger.example' }, { credential: 'a b' },
  ]
  for (const options of wrong) assert.throws(() => protector(options), TypeError, JSON.stringify(options))
  protector({ environmentId: undefined, unsafeAnyEnvironment: true })
})

test('without a listener of its own, a failure is said on the console, once for many requests', async (context) => {
  const said = context.mock.method(console, 'error', () => {})
  standIn.answer = (response) => sendProblem(response, 401, 'http/unauthenticated')
  const own = createProtector({ url: standIn.url, credential, environmentId })
  await Promise.all([1, 2, 3].map(() => own.verify(presentedKey, { permissions: [] })))
  assert.equal(said.mock.callCount(), 1)
  assert.match(String(said.mock.calls[0]?.arguments[0]), /^claviger: keys cannot be verified, .*http\/unauthenticated/)
})
