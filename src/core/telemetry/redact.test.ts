import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Type, type TSchema } from 'typebox'
import { redactorFor, secretFieldsOf, secretMark } from './redact.ts'

const secret = Type.String({ [secretMark]: true })
const plain = Type.String()

const forms: readonly (readonly [what: string, schema: TSchema, value: unknown, left: unknown, fields: readonly string[]])[] = [
  ['a member', Type.Object({ a: secret, b: plain }), { a: 'x', b: 'y' }, { b: 'y' }, ['a']],
  ['a member deep down', Type.Object({ a: Type.Object({ b: Type.Object({ c: secret, d: plain }) }) }), { a: { b: { c: 'x', d: 'y' } } }, { a: { b: { d: 'y' } } }, ['c']],
  ['a member of elements', Type.Object({ list: Type.Array(Type.Object({ a: secret, b: plain })) }), { list: [{ a: 'x', b: 'y' }, { a: 'x', b: 'z' }] }, { list: [{ b: 'y' }, { b: 'z' }] }, ['a']],
  ['a list of secrets', Type.Object({ list: Type.Array(secret), b: plain }), { list: ['x', 'x'], b: 'y' }, { b: 'y' }, ['list']],
  ['a list of lists of secrets', Type.Object({ list: Type.Array(Type.Array(secret)) }), { list: [['x']] }, {}, ['list']],
  ['a secret that may be null', Type.Object({ a: Type.Union([secret, Type.Null()]) }), { a: 'x' }, {}, ['a']],
  ['a secret in one form of several', Type.Union([Type.Object({ kind: Type.Literal('a'), v: plain }), Type.Object({ kind: Type.Literal('b'), v: secret })]), { kind: 'b', v: 'x' }, { kind: 'b' }, ['v']],
  ['a member of what may be null', Type.Object({ a: Type.Union([Type.Object({ b: secret, c: plain }), Type.Null()]) }), { a: { b: 'x', c: 'y' } }, { a: { c: 'y' } }, ['b']],
  ['a part of a whole', Type.Intersect([Type.Object({ a: secret }), Type.Object({ b: plain })]), { a: 'x', b: 'y' }, { b: 'y' }, ['a']],
  ['a record of secrets', Type.Object({ map: Type.Record(Type.String(), secret), b: plain }), { map: { one: 'x' }, b: 'y' }, { b: 'y' }, ['map']],
  ['a record of what holds secrets', Type.Object({ map: Type.Record(Type.String(), Type.Object({ a: secret, b: plain })) }), { map: { one: { a: 'x', b: 'y' } } }, { map: { one: { b: 'y' } } }, ['a']],
  ['further members that are secrets', Type.Object({ b: plain }, { additionalProperties: Type.Object({ a: secret }) }), { b: 'y', more: { a: 'x' } }, { b: 'y', more: {} }, ['a']],
  ['a place in a tuple', Type.Object({ pair: Type.Tuple([plain, secret]) }), { pair: ['y', 'x'] }, {}, ['pair']],
  ['a member in a tuple', Type.Object({ pair: Type.Tuple([plain, Type.Object({ a: secret, b: plain })]) }), { pair: ['y', { a: 'x', b: 'z' }] }, { pair: ['y', { b: 'z' }] }, ['a']],
  ['a whole object', Type.Object({ a: Type.Object({ b: plain }, { [secretMark]: true }) }), { a: { b: 'x' } }, {}, ['a']],
  ['all there is', secret, 'x', null, []],
  ['nothing', Type.Object({ a: plain }), { a: 'y' }, { a: 'y' }, []],
]

for (const [what, schema, value, left, fields] of forms) {
  test(`T2: a secret is found and taken out, and the rest is kept: ${what}`, () => {
    const before = structuredClone(value)
    const redacted = redactorFor(schema)(value)
    assert.deepEqual(redacted, left)
    assert.ok(!JSON.stringify(redacted).includes('"x"'))
    assert.deepEqual(value, before, 'what was given is left alone')
    assert.deepEqual([...secretFieldsOf(schema)], fields)
  })
}

/** A schema, a value of it whose secrets all say so, and how many there are. */
interface Sample {
  readonly schema: TSchema
  readonly value: unknown
}

const { sample } = fc.letrec<{ sample: Sample }>((tie) => ({
  sample: fc.oneof(
    { maxDepth: 5 },
    fc.boolean().map((isSecret): Sample => ({ schema: isSecret ? secret : plain, value: isSecret ? 'hunter2' : 'plain' })),
    fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), tie('sample'), { maxKeys: 4 }).map((members): Sample => ({
      schema: Type.Object(Object.fromEntries(Object.entries(members).map(([name, { schema }]) => [name, schema]))),
      value: Object.fromEntries(Object.entries(members).map(([name, { value }]) => [name, value])),
    })),
    tie('sample').map(({ schema, value }): Sample => ({ schema: Type.Array(schema), value: [value, value] })),
    tie('sample').map(({ schema, value }): Sample => ({ schema: Type.Union([Type.Null(), schema]), value })),
    tie('sample').map(({ schema, value }): Sample => ({ schema: Type.Record(Type.String(), schema), value: { any: value } })),
    fc.tuple(tie('sample'), tie('sample')).map(([one, other]): Sample => ({ schema: Type.Tuple([one.schema, other.schema]), value: [one.value, other.value] })),
  ),
}))

test('T2: however schemas are put together, no secret is left', () => {
  fc.assert(fc.property(sample, ({ schema, value }) => {
    assert.ok(!JSON.stringify(redactorFor(schema)(value)).includes('hunter2'))
  }), { numRuns: 1_000 })
})
