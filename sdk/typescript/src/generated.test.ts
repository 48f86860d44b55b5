import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { verdicts as verifierVerdicts } from '@claviger/verifier'
import { Type, type TSchema } from 'typebox'
import { generateSdk } from '../../../scripts/generate-sdk.ts'
import { typeOf, type Schema } from '../../../scripts/schema-types.ts'
import { operations as declared } from '../../../src/apps/operations.ts'
import { createClaviger } from './client.ts'
import { operations, verdicts } from './generated.ts'

test('generated.ts is what the operations say: after a change, run `npm run generate`', () => {
  assert.ok(generateSdk() === readFileSync(new URL('./generated.ts', import.meta.url), 'utf8'), 'generated.ts is out of date: run `npm run generate`')
})

test('the client has a method for every operation there is', () => {
  const claviger = createClaviger({ url: 'http://localhost:7420', credential: 'x' }) as unknown as Readonly<Record<string, Readonly<Record<string, unknown>>>>
  assert.ok(declared.length > 20)
  for (const { id } of declared) {
    const spec = operations.find((operation) => operation.id === id)
    assert.ok(spec !== undefined, id)
    assert.equal(typeof claviger[spec.noun]?.[spec.name], 'function', id)
  }
})

test('no two operations are the same method, and a list has its iterator', () => {
  const names = operations.flatMap(({ noun, name, listAll }) => [`${noun}.${name}`, ...(listAll === null ? [] : [`${noun}.${listAll}`])])
  assert.equal(new Set(names).size, names.length)
  for (const { id, query, listAll } of operations) assert.equal(listAll !== null, query.includes('cursor'), id)
})

test('every verdict of the verifier is known here, with its status and words', () => {
  const copied = Object.fromEntries(Object.entries(verifierVerdicts).map(([code, { httpStatus, title }]) => [code, { status: httpStatus, title }]))
  assert.deepEqual(verdicts, copied)
})

test('a schema becomes the type that it means, or is refused', () => {
  const cases: readonly (readonly [TSchema | Schema, string])[] = [
    [Type.String(), 'string'],
    [Type.Integer(), 'number'],
    [Type.Union([Type.Boolean(), Type.Null()]), 'boolean | null'],
    [Type.Literal('a'), "'a'"],
    [{ type: 'string', enum: ['a', 'b'] }, "'a' | 'b'"],
    [Type.Array(Type.Union([Type.String(), Type.Null()])), 'readonly (string | null)[]'],
    [Type.Array(Type.Array(Type.String())), 'readonly (readonly string[])[]'],
    [Type.Object({ a: Type.String(), b: Type.Optional(Type.Integer()) }), '{\n  readonly a: string\n  readonly b?: number | undefined\n}'],
    [Type.Object({}), 'Readonly<Record<string, never>>'],
    [Type.Record(Type.String(), Type.Integer()), 'Readonly<Record<string, number>>'],
    [Type.Unknown(), 'unknown'],
  ]
  for (const [schema, type] of cases) assert.equal(typeOf(schema as Schema, ''), type)
  for (const schema of [Type.Tuple([Type.String()]), { type: 'whatever' }, { not: {} }, { allOf: [Type.String()] }, { type: 'object', additionalProperties: false }]) {
    assert.throws(() => typeOf(schema as Schema, ''))
  }
})
