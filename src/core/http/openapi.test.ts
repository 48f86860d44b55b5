import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { faultCatalogue } from '#core/base/fault'
import { send, startServer, type TestServer } from './fixtures.ts'
import { exampleOf, fieldsOf, type SchemaDocument } from './schema-document.ts'
import { exactly, idOf, lineOf, nullable, oneOf, secretString, slugOf, timestamp } from './schema.ts'

let things: TestServer
let document: Openapi
before(async () => {
  things = await startServer()
  document = (await send(things.port, { path: '/openapi.json', credential: null })).json as unknown as Openapi
})
after(() => things.close())

type Media = Readonly<Record<string, { readonly schema: SchemaDocument }>>
interface Described {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly security: readonly object[]
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean; readonly example?: unknown; readonly schema: SchemaDocument }[]
  readonly requestBody?: { readonly required?: boolean; readonly content: Media }
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content: Media }>>
  readonly [extension: `x-claviger-${string}`]: unknown
}
interface Openapi {
  readonly openapi: string
  readonly info: Readonly<Record<string, unknown>>
  readonly components: { readonly securitySchemes: object; readonly schemas: Readonly<Record<string, object>> }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>
}

const operations = (): readonly (readonly [string, Described])[] =>
  Object.entries(document.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, described]) => [`${method.toUpperCase()} ${path}`, described] as const))

test('the document is OpenAPI 3.1 and has every operation once, under its method and address', () => {
  assert.match(document.openapi, /^3\.1\.\d$/)
  assert.deepEqual(document.info, { title: 'Things', version: '1.0.0', description: 'A server for **tests**.', license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } })
  assert.deepEqual(operations().map(([address, { operationId }]) => `${operationId} ${address}`).sort(), [
    'telemetry.read-metrics GET /metrics', 'things.create POST /v1/things', 'things.delete DELETE /v1/things/{thingId}', 'things.echo POST /v1/things/echo',
    'things.get GET /v1/things/{thingId}', 'things.list GET /v1/things', 'things.read-file GET /v1/files/{path}', 'things.take POST /v1/things/{thingId}/take', 'things.update PATCH /v1/things/{thingId}',
    'things.wait GET /v1/things/wait',
  ])
})

test('every address parameter is described, and required', () => {
  for (const [address, { parameters = [] }] of operations()) {
    const named = [...address.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name)
    assert.deepEqual(parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name), named, address)
    for (const { in: where, required } of parameters) assert.equal(required === true, where === 'path', address)
  }
})

test('every operation says what it takes: permission, roles, effect, and the headers that it heeds', () => {
  const byId = new Map(operations().map(([, described]) => [described.operationId, described]))
  const headers = (id: string) => (byId.get(id)?.parameters ?? []).filter((parameter) => parameter.in === 'header').map(({ name }) => name)
  assert.deepEqual([headers('things.get'), headers('things.create'), headers('things.update')], [[], ['Idempotency-Key'], ['Idempotency-Key', 'If-Match']])
  for (const described of byId.values()) {
    assert.deepEqual(described.security, [{ bearer: [] }])
    assert.match(String(described['x-claviger-permission']), /^[a-z-]+:[a-z-]+$/)
    assert.match(String(described['x-claviger-effect']), /^(read|write)$/)
    assert.equal(described['x-claviger-effect'] === 'write', typeof described['x-claviger-event'] === 'string')
    assert.ok((described['x-claviger-roles'] as string[]).includes('owner'))
  }
})

test('every answer is described: what it holds when done, and by status which faults there are', () => {
  for (const [address, { responses, operationId }] of operations()) {
    const statuses = Object.keys(responses)
    assert.equal(statuses.filter((status) => status.startsWith('2')).length, 1, address)
    for (const status of ['400', '401', '403', '404', '429', '503']) assert.ok(statuses.includes(status), `${address} ${status}`)
    for (const [status, { description, content }] of Object.entries(responses)) {
      if (status.startsWith('2')) continue
      assert.deepEqual(Object.keys(content), ['application/problem+json'])
      for (const [, code = ''] of description.matchAll(/\[`([^`]+)`\]/g)) assert.equal(faultCatalogue.get(code)?.status, Number(status), `${operationId} ${code}`)
    }
  }
  const create = document.paths['/v1/things']?.['post']
  assert.match(create?.responses['409']?.description ?? '', /things\/name-taken/)
})

test('every reference in the document leads somewhere', () => {
  for (const [, pointer = ''] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const target = pointer.split('/').reduce<unknown>((node, name) => (node as Record<string, unknown> | undefined)?.[name], document)
    assert.equal(typeof target, 'object', pointer)
  }
})

test('a problem is as the document says', async () => {
  const problem = Compile(Type.Unsafe(document.components.schemas['Problem'] ?? {}))
  for (const request of [{ path: '/v1/things', body: {} }, { path: '/v1/things', credential: null }, { path: '/v1/nowhere' }]) {
    assert.ok(problem.Check((await send(things.port, request)).json))
  }
})

test('the example of every body and parameter is one that its schema takes', () => {
  for (const [address, { parameters = [], requestBody }] of operations()) {
    const bodies = Object.values(requestBody?.content ?? {}).map(({ schema }) => ({ schema, example: exampleOf(schema) }))
    for (const { schema, example = exampleOf(schema) } of [...parameters, ...bodies]) {
      if (schema.type === 'object' && schema.properties === undefined) continue
      assert.ok(Compile(Type.Unsafe(schema)).Check(example), `${address} ${JSON.stringify(example)}`)
    }
  }
})

test('examples and fields are found in every form that schemas have', () => {
  const schema = exactly({
    id: idOf('key'), name: lineOf(5, 'Its name.'), slug: slugOf('Short.'), kind: oneOf(['round', 'flat']), until: nullable(timestamp('When.')),
    parts: Type.Array(exactly({ count: Type.Integer({ minimum: 2 }) })), secret: Type.Optional(secretString({ description: 'Shown once.', maxLength: 9 })),
    literal: Type.Literal('a'), on: Type.Boolean(), ratio: Type.Number(),
  })
  const document = JSON.parse(JSON.stringify(schema)) as SchemaDocument
  const example = exampleOf(document)
  assert.ok(Compile(schema).Check(example), JSON.stringify(example))
  assert.deepEqual(fieldsOf(document).map(({ name, type, isOptional, isSecret }) => `${name} ${type}${isOptional ? ' optional' : ''}${isSecret ? ' secret' : ''}`), [
    'id string', 'name string', 'slug string', 'kind "round" | "flat"', 'until string | null', 'parts object[]', 'parts[].count integer', 'secret string optional secret',
    'literal "a"', 'on boolean', 'ratio number',
  ])
})

test('a line of text, a slug and a time are read strictly', () => {
  const cases: readonly (readonly [schema: Type.TSchema, taken: readonly string[], refused: readonly string[]])[] = [
    [lineOf(5, ''), ['a', 'a b', 'é😀'], ['', ' a', 'a ', 'a\nb', 'a\u007f', 'a\u0085', 'a\u2028', 'abcdef']],
    [slugOf(''), ['ab', 'market-data', 'a1'], ['a', 'A1', '1a', 'a-', '-a', 'a--b', 'a_b', 'a'.repeat(41)]],
    [timestamp(''), ['2027-01-31T00:00:00Z', '2027-01-31T23:59:59.999Z', '9999-12-31T00:00:00.1Z'],
      ['2027-01-31', '2027-13-01T00:00:00Z', '2027-01-32T00:00:00Z', '2027-01-31T24:00:00Z', '2027-01-31T00:00:60Z', '1999-01-01T00:00:00Z', '2027-01-31T00:00:00+01:00', '2027-01-31t00:00:00z', '12027-01-01T00:00:00Z']],
    [idOf('key'), ['key_0123456789abcDEF'], ['key_', 'api_0123456789abcDEF', 'key_0123456789abcDE', 'key_0123456789abcDE-', 'key_0123456789abcDEFG']],
  ]
  for (const [schema, taken, refused] of cases) {
    const compiled = Compile(schema)
    for (const text of taken) assert.ok(compiled.Check(text), text)
    for (const text of refused) assert.ok(!compiled.Check(text), text)
  }
})
