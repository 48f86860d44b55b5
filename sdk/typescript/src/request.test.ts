import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { OperationSpec } from './operation.ts'
import { requestOf, type Input } from './request.ts'

const spec: OperationSpec = {
  id: 'things.update', noun: 'things', name: 'update', method: 'PATCH', path: '/v1/things/{thingId}/parts/{partId}', params: ['thingId', 'partId'],
  query: ['limit', 'search', 'flat'], body: ['name', 'tags'], write: true, ifMatch: true, status: 200, answer: 'json', contentType: 'application/json',
  secrets: [], listAll: null,
}
const readSpec: OperationSpec = { ...spec, id: 'things.read', method: 'GET', body: null, write: false, ifMatch: false }
const fileSpec: OperationSpec = { ...readSpec, path: '/v1/tile/{path*}', params: ['path'], query: [] }
const ids: Input = { thingId: 't', partId: 'p' }

test('each field of the flat input goes where the operation has it', () => {
  const request = requestOf(spec, { ...ids, limit: 3, search: 'a b&c=d', flat: false, name: 'N', tags: ['x'] }, { idempotencyKey: 'k' })
  assert.equal(request.method, 'PATCH')
  assert.equal(request.target, '/v1/things/t/parts/p?limit=3&search=a%20b%26c%3Dd&flat=false')
  assert.deepEqual(JSON.parse(request.body!), { name: 'N', tags: ['x'] })
  assert.deepEqual(request.headers, { accept: 'application/json, application/problem+json', 'content-type': 'application/json', 'idempotency-key': 'k' })
})

test('fields that are undefined are left out, and a body with none left is still a body', () => {
  const request = requestOf(spec, { ...ids, limit: undefined, name: undefined }, {})
  assert.equal(request.target, '/v1/things/t/parts/p')
  assert.equal(request.body, '{}')
})

test('an operation without a body sends none, and no content type', () => {
  const { body, headers } = requestOf(readSpec, ids, {})
  assert.equal(body, null)
  assert.deepEqual(headers, { accept: 'application/json, application/problem+json' })
})

test('no path parameter reaches another operation: whatever it is, it comes back as what it was, or is not sent', () => {
  const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('.', '..', '%2e%2e', '../keys', '..\\keys', 'a/b', 'a?b', 'a#b', '//evil.example', ' ', '\t', ''))
  fc.assert(
    fc.property(anyText, (thingId) => {
      let target: string
      try {
        target = requestOf(readSpec, { thingId, partId: 'p' }, {}).target
      } catch (error) {
        assert.ok(error instanceof TypeError || error instanceof URIError)
        return
      }
      const url = new URL(`https://claviger.example${target}`)
      assert.equal(url.host, 'claviger.example')
      assert.equal(url.search, '')
      const [, v1, things, id, parts, part, ...rest] = url.pathname.split('/')
      assert.deepEqual([v1, things, parts, part, rest], ['v1', 'things', 'parts', 'p', []])
      assert.equal(decodeURIComponent(id!), thingId)
    }),
    { numRuns: 1_000 },
  )
})

test('a parameter that takes the rest of the address keeps its slashes, and cannot climb', () => {
  assert.equal(requestOf(fileSpec, { path: 'tile/0/x001/067.p/5' }, {}).target, '/v1/tile/tile/0/x001/067.p/5')
  assert.equal(requestOf(fileSpec, { path: 'a b/ü' }, {}).target, '/v1/tile/a%20b/%C3%BC')
  for (const path of ['..', 'a/../b', 'a/..', './a', '/a', 'a//b', 'a/', '']) assert.throws(() => requestOf(fileSpec, { path }, {}), TypeError, path)
})

test('what could not be sent as it is meant is refused: unknown fields, missing parameters, objects in a query', () => {
  for (const input of [{ ...ids, other: 1 }, { thingId: 't' }, { ...ids, partId: 3 }, { ...ids, search: { a: 1 } }, { ...ids, limit: null }, { ...ids, search: ['a'] }]) {
    assert.throws(() => requestOf(spec, input, {}), TypeError)
  }
})

test('If-Match is the version in quotes, where the operation heeds one, and refused where it does not', () => {
  assert.equal(requestOf(spec, ids, { ifMatch: 3 }).headers['if-match'], '"3"')
  for (const ifMatch of [0, -1, 1.5, Number.NaN, '"3"' as unknown as number]) assert.throws(() => requestOf(spec, ids, { ifMatch }), TypeError)
  assert.throws(() => requestOf(readSpec, ids, { ifMatch: 3 }), TypeError)
})

test('every write has an idempotency key of its own unless one is given; reads have none', () => {
  const keys = new Set(Array.from({ length: 100 }, () => requestOf(spec, ids, {}).headers['idempotency-key']))
  assert.equal(keys.size, 100)
  for (const key of keys) assert.match(key!, /^[0-9a-f]{32}$/)
  assert.equal(requestOf(spec, ids, { idempotencyKey: 'mine' }).headers['idempotency-key'], 'mine')
  for (const idempotencyKey of ['', 'a b', 'a\r\nx: y', 'é', 'x'.repeat(129)]) assert.throws(() => requestOf(spec, ids, { idempotencyKey }), TypeError)
  assert.equal(requestOf(readSpec, ids, { idempotencyKey: 'mine' }).headers['idempotency-key'], undefined)
})
