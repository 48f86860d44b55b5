import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { formatToken } from '@claviger/verifier'
import { httpFaults } from './faults.ts'
import { encodeCursor } from './cursor.ts'
import { outcomeOf, send, startServer, type TestRequest, type TestServer } from './fixtures.ts'

/** Stands wherever a caller may put a secret by mistake. It ends in a word that no mask would recognise. */
const token = formatToken({ prefix: 'clv', tag: 'live', id: '0123456789ABCDEF', secret: 'Q'.repeat(43) })
const secret = `${token}hunter2`
const wanted = 'Q'.repeat(20)

let things: TestServer
let thingId = ''
before(async () => {
  things = await startServer()
  thingId = String((await send(things.port, { path: '/v1/things', body: { name: 'first' } })).json['thingId'])
  things.acts.length = 0
})
after(() => things.close())

interface BadRequest extends TestRequest {
  readonly what: string
  readonly answer: string
  /** Where `errors` points. */
  readonly pointer?: string
}

const create = (what: string, body: unknown, answer: string, pointer?: string): BadRequest =>
  ({ what, path: '/v1/things', body, answer, ...(pointer === undefined ? {} : { pointer }) })
const invalid = '400 http/invalid-input'
const malformed = '400 http/malformed-json'

const bodies: readonly BadRequest[] = [
  create('no JSON', `{"name": ${secret}}`, malformed),
  create('JSON cut short', `{"name":"${secret}`, malformed),
  create('an empty body', '', malformed),
  create('two documents', `{"name":"a"}{"name":"${secret}"}`, malformed),
  create('the same member twice', `{"name":"a","name":"${secret}"}`, malformed),
  create('the same member twice, once escaped', `{"name":"a","n\\u0061me":"${secret}"}`, malformed),
  create('the prototype as a member', `{"name":"a","__proto__":{"size":"${secret}"}}`, malformed),
  create('the prototype as a member, escaped', `{"name":"a","\\u005f_proto__":"${secret}"}`, malformed),
  create('the constructor as a member', '{"name":"a","constructor":{"prototype":{}}}', invalid, '/constructor'),
  create('NUL', `{"name":"${secret}\u0000"}`, malformed),
  create('NUL, escaped', `{"name":"${secret}\\u0000"}`, malformed),
  create('a raw control character', `{"name":"${secret}\u0001"}`, malformed),
  create('an escaped control character', `{"name":"${secret.slice(0, 30)}\\u0001"}`, invalid, '/name'),
  create('an escape character for terminals', '{"name":"\\u001b[2J"}', invalid, '/name'),
  create('a line separator', '{"name":"a\\u2028b"}', invalid, '/name'),
  create('a lone surrogate, escaped', `{"name":"${secret}\\ud800"}`, malformed),
  create('a lone surrogate, raw', Buffer.from([...Buffer.from('{"name":"'), 0xed, 0xa0, 0x80, ...Buffer.from('"}')]), malformed),
  create('bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22]), malformed),
  create('a byte order mark', '\ufeff{"name":"a"}', malformed),
  create('a number beyond doubles', '{"name":"a","size":1e400}', malformed),
  create('an integer that doubles round', '{"name":"a","size":9007199254740993}', malformed),
  create('a number of a thousand digits', `{"name":"a","size":${'9'.repeat(1000)}}`, malformed),
  create('nesting without end', '['.repeat(100_000), malformed),
  create('nesting just too deep', `{"name":${'['.repeat(40)}${']'.repeat(40)}}`, malformed),
  create('more values than are read', `[${'0,'.repeat(20_000)}0]`, malformed),
  create('an array for an object', [secret], invalid, ''),
  create('null for an object', 'null', invalid, ''),
  create('a text for an object', JSON.stringify(secret), invalid, ''),
  create('a number for a text', { name: 5 }, invalid, '/name'),
  create('a text for a number', { name: 'a', size: secret }, invalid, '/size'),
  create('a text that looks like the number', { name: 'a', size: '5' }, invalid, '/size'),
  create('a fraction for an integer', { name: 'a', size: 1.5 }, invalid, '/size'),
  create('a number below the least', { name: 'a', size: -1 }, invalid, '/size'),
  create('a number above the greatest', { name: 'a', size: 101 }, invalid, '/size'),
  create('a word that is not in the list', { name: 'a', kind: secret }, invalid, '/kind'),
  create('no name', {}, invalid, '/name'),
  create('an empty name', { name: '' }, invalid, '/name'),
  create('a name that is too long', { name: secret }, invalid, '/name'),
  create('a name with a space before it', { name: ' a' }, invalid, '/name'),
  create('a secret that is too long', { name: 'a', secret: secret.repeat(3) }, invalid, '/secret'),
  create('an unknown member', { name: 'a', colour: secret }, invalid, '/colour'),
  create('an unknown member that is a secret', { name: 'a', [secret]: 1 }, invalid, ''),
]

const raw = (what: string, more: Partial<TestRequest>, answer: string): BadRequest => ({ what, path: '/v1/things', answer, ...more })
const typed = (what: string, contentType: string, body: string | Uint8Array = '{"name":"a"}'): BadRequest =>
  raw(what, { body, headers: { 'content-type': contentType } }, '415 http/unsupported-media-type')

const messages: readonly BadRequest[] = [
  typed('a form', 'application/x-www-form-urlencoded', `name=${secret}`),
  typed('plain text', 'text/plain'),
  typed('a type of its own', `application/${secret}`),
  typed('another character set', 'application/json; charset=utf-16le', Buffer.from('{"name":"a"}', 'utf16le')),
  typed('a parameter that is not known', 'application/json; profile=x'),
  typed('a type that only begins so', 'application/json-patch+json'),
  raw('a compressed body', { body: '{}', headers: { 'content-encoding': 'gzip' } }, '415 http/unsupported-media-type'),
  raw('a body that is too long', { body: `{"name":"${'a'.repeat(262_144)}"}` }, '413 http/body-too-large'),
  raw('a body where none belongs', { method: 'GET', body: JSON.stringify({ secret }) }, '400 http/bad-request'),
  raw('an address that is too long', { path: `/v1/things?cursor=${secret}${'a'.repeat(8_192)}` }, '414 http/uri-too-long'),
  raw('an address whose parameter is too long', { path: `/v1/things/${secret}${'a'.repeat(8_192)}` }, '414 http/uri-too-long'),
  raw('an address that is too long and leads nowhere', { path: `/nowhere/${secret}${'a'.repeat(8_192)}` }, '414 http/uri-too-long'),
  raw('headers that are too long', { headers: { 'x-long': `${secret}${'a'.repeat(16_384)}` } }, '431 http/header-too-large'),
  raw('a method that the address does not serve', { method: 'PUT', body: { secret } }, '405 http/method-not-allowed'),
  raw('an address that is not served', { path: `/v1/${secret}` }, '404 http/no-such-route'),
  raw('a closing slash', { path: '/v1/things/' }, invalid),
  raw('two slashes', { path: '//v1/things' }, '404 http/no-such-route'),
  raw('capitals in the address', { path: '/V1/things' }, '404 http/no-such-route'),
  raw('broken percent-encoding', { path: `/v1/things/%zz${secret}` }, '400 http/bad-request'),
  raw('percent-encoding that is not UTF-8', { path: '/v1/things/%ff' }, '400 http/bad-request'),
  raw('an id of another shape', { path: `/v1/things/${secret}` }, invalid),
  raw('an id with a control character', { path: '/v1/things/key_%000000000000000' }, invalid),
  raw('an id with an escaped slash', { path: '/v1/things/key_%2f00000000000000' }, invalid),
  raw('a fragment', { path: '/v1/files/a%23b#c' }, '400 http/bad-request'),
  raw('an unknown query parameter', { path: `/v1/things?colour=${secret}` }, invalid),
  raw('an unknown query parameter that is a secret', { path: `/v1/things?${secret}` }, invalid),
  raw('a query parameter twice', { path: '/v1/things?limit=1&limit=2' }, invalid),
  raw('a query parameter twice, once encoded', { path: '/v1/things?limit=1&%6cimit=2' }, invalid),
  raw('the prototype as a query parameter', { path: '/v1/things?__proto__=1' }, invalid),
  raw('a query where none is known', { path: `/v1/things/wait?x=${secret}` }, invalid),
  raw('broken percent-encoding in a query', { path: `/v1/things?cursor=%e0%a4${secret}` }, invalid),
  raw('a control character in a query', { path: '/v1/things?cursor=%00' }, invalid),
  raw('a limit of 0', { path: '/v1/things?limit=0' }, invalid),
  raw('a limit that is too large', { path: '/v1/things?limit=201' }, invalid),
  raw('a limit with a leading zero', { path: '/v1/things?limit=050' }, invalid),
  raw('a limit in hexadecimal', { path: '/v1/things?limit=0x10' }, invalid),
  raw('a limit with an exponent', { path: '/v1/things?limit=1e1' }, invalid),
  raw('no limit', { path: '/v1/things?limit=' }, invalid),
  raw('a boolean in other words', { path: '/v1/things?flat=yes' }, invalid),
  raw('too many query parameters', { path: `/v1/things?${'limit=1&'.repeat(101)}` }, invalid),
  raw('a cursor that is none', { path: `/v1/things?cursor=${secret}` }, '400 http/invalid-cursor'),
  raw('the cursor of another list', { path: `/v1/things?cursor=${encodeCursor('other.list', ['a'])}` }, '400 http/invalid-cursor'),
  raw('a cursor cut short', { path: `/v1/things?cursor=${encodeCursor('things.list', ['abc']).slice(0, -1)}` }, '400 http/invalid-cursor'),
  raw('a cursor with another type', { path: `/v1/things?cursor=${encodeCursor('things.list', [5])}` }, '400 http/invalid-cursor'),
  raw('a cursor with one value more', { path: `/v1/things?cursor=${encodeCursor('things.list', ['a', 'b'])}` }, '400 http/invalid-cursor'),
  raw('a cursor that is padded', { path: `/v1/things?cursor=${encodeCursor('things.list', ['a'])}=` }, '400 http/invalid-cursor'),
  raw('a cursor in another spelling', { path: `/v1/things?cursor=${Buffer.from('["things.list", "a"]').toString('base64url')}` }, '400 http/invalid-cursor'),
  raw('a precondition where none is heeded', { body: { name: 'a' }, headers: { 'if-match': `"${secret}"` } }, invalid),
  raw('an idempotency key with a space', { body: { name: 'a' }, headers: { 'idempotency-key': `${secret} x` } }, invalid),
  raw('an idempotency key that is too long', { body: { name: 'a' }, headers: { 'idempotency-key': secret.repeat(2) } }, invalid),
  raw('an empty idempotency key', { body: { name: 'a' }, headers: { 'idempotency-key': '' } }, invalid),
  raw('an unknown credential', { credential: secret }, '401 http/unauthenticated'),
  raw('no credential', { credential: null }, '401 http/unauthenticated'),
  raw('a credential of another scheme', { headers: { authorization: `Basic ${secret}` } }, '401 http/unauthenticated'),
  raw('a credential that is too long', { credential: secret.repeat(10) }, '401 http/unauthenticated'),
  raw('a credential with a space', { credential: `owner ${secret}` }, '401 http/unauthenticated'),
]

const preconditions = ['3', '*', 'W/"1"', '"1", "2"', '""', '"0"', '"01"', '"-1"', '"1', `"${secret}"`, '"9007199254740993"']

async function assertRefused(bad: BadRequest): Promise<void> {
  const linesBefore = things.logLines.length
  const answer = await send(things.port, bad)
  const { json, text, headers } = answer
  assert.equal(outcomeOf(answer), bad.answer, text)
  assert.equal(headers['content-type'], 'application/problem+json')
  assert.equal(json['type'], `/errors/${String(json['code'])}`)
  assert.equal(json['instance'], `urn:claviger:request:${String(headers['claviger-request-id'])}`)
  assert.doesNotMatch(text, /node:|\.ts\b|at [a-z]+ \(|Error:/i)
  const errors = (json['errors'] ?? []) as { pointer: string; detail: string }[]
  if (json['code'] === 'http/invalid-input') assert.ok(errors.length > 0 && errors.every(({ detail }) => /^[A-Z].*[.*$]$/.test(detail)), text)
  if (bad.pointer !== undefined) assert.deepEqual(errors.map(({ pointer }) => pointer), [bad.pointer])
  const seen = text + JSON.stringify(headers) + things.logLines.slice(linesBefore).join('')
  assert.ok(!seen.includes(wanted) && !seen.includes('hunter2'), `a secret came back: ${seen}`)
  assert.deepEqual(things.acts, [])
}

for (const bad of [...bodies, ...messages]) {
  test(`${bad.what}: ${bad.answer}, nothing is written, and nothing that was sent comes back`, () => assertRefused(bad))
}

for (const ifMatch of preconditions) {
  test(`If-Match: ${ifMatch.replace(secret, 'a secret')} is refused, not overlooked`, () => assertRefused({
    what: '', method: 'PATCH', path: `/v1/things/${thingId}`, body: { size: 1 }, headers: { 'if-match': ifMatch }, answer: invalid, pointer: 'header.if-match',
  }))
}

test('after all of that the server serves, and has the one thing that was there before', async () => {
  const { json } = await send(things.port, { path: '/v1/things' })
  assert.deepEqual((json['items'] as { name: string }[]).map(({ name }) => name), ['first'])
  assert.equal((await send(things.port, { path: '/v1/things', body: { name: 'a' } })).status, 201)
})

test('what comes near to being refused is taken', async () => {
  const { status, json } = await send(things.port, { path: '/v1/things', body: '{"name":"\\ud83d\\ude00 é","size":-0}', headers: { 'content-type': 'Application/JSON ; charset="UTF-8"' } })
  assert.deepEqual([status, json['name'], json['size']], [201, '😀 é', 0])
  assert.equal((await send(things.port, { path: `/v1/%74hings/${thingId}` })).status, 200)
  assert.equal((await send(things.port, { path: '/v1/things?limit=1&flat=false' })).status, 200)
  const file = await send(things.port, { path: '/v1/files/a%20b/c%2Fd?' })
  assert.equal(file.text, 'a b/c/d for 127.0.0.1')
})

test('every fault of this room has been met by a test of this room, or is met by none of these requests', () => {
  const metHere = new Set([...bodies, ...messages].map(({ answer }) => answer.slice(4)))
  const metElsewhere = ['forbidden', 'not-found', 'request-timeout', 'precondition-failed', 'idempotency-mismatch', 'answer-erased', 'overloaded', 'too-many-requests', 'shutting-down']
  assert.deepEqual([...httpFaults.codes].filter((code) => !metHere.has(code)).sort(), metElsewhere.map((name) => `http/${name}`).sort())
})
