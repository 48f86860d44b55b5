import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { operations } from '../../operations.ts'
import { specOf, type OperationSpec } from './catalogue.ts'
import { commonFlags, fieldsOf, placeholderOf } from './fields.ts'

const catalogue = operations.map(specOf)

function specFor(id: string): OperationSpec {
  const spec = catalogue.find((each) => each.id === id)
  assert.ok(spec !== undefined, `there is an operation ${id}`)
  return spec
}

const flagsOf = (id: string) => new Map(fieldsOf(specFor(id)).map((field) => [field.flag, field]))

describe('the flags of every operation', () => {
  for (const spec of catalogue) {
    test(`${spec.id}: each has one meaning, and none takes the place of a common flag`, () => {
      const names = fieldsOf(spec).filter(({ part }) => part !== 'params').flatMap(({ flag, aliases }) => [flag, ...aliases])
      assert.equal(new Set(names).size, names.length, names.join(' '))
      assert.deepEqual(names.filter((name) => commonFlags.has(name)), [])
    })

    test(`${spec.id}: every path parameter is an argument, in the order of the path`, () => {
      assert.deepEqual(fieldsOf(spec).filter(({ part }) => part === 'params').map(({ path }) => path[0]), spec.params)
    })

    test(`${spec.id}: each has a form that a person can type`, () => {
      for (const field of fieldsOf(spec)) {
        if (field.kind === 'json') assert.ok(field.nullable, `--${field.flag} is JSON only as the whole of an object that may be null`)
        assert.match(field.flag, /^[a-z][a-z0-9.-]*$/)
        assert.ok(placeholderOf(field).length > 0)
      }
    })
  }
})

test('an id is asked for by the name of the thing, and its longer name works too', () => {
  const field = flagsOf('keys.create').get('environment')
  assert.deepEqual([field?.aliases, field?.idPrefix, field?.required], [['environment-id'], 'env', true])
})

test('what is nested gets dots, and is required only where all above it is', () => {
  const verify = flagsOf('keys.verify')
  assert.deepEqual([verify.get('permissions.all')?.path, verify.get('permissions.all')?.kind], [['permissions', 'all'], 'list'])
  const create = flagsOf('keys.create')
  assert.deepEqual([create.get('time-window.from')?.required, create.get('time-window.days')?.elementKind], [false, 'integer'])
})

test('a secret is known as one from the declaration, so no flag takes its value', () => {
  assert.equal(flagsOf('keys.verify').get('key')?.kind, 'secret')
})

test('a field whose name is taken by a flag of ours, or by another field, gets its part in front', () => {
  const text = { type: 'string' }
  const spec: OperationSpec = { ...specFor('roles.list'), input: { query: { type: 'object', properties: { url: text, name: text } }, body: { type: 'object', properties: { name: text, json: text } } } }
  assert.deepEqual(fieldsOf(spec).map(({ flag }) => flag), ['query.url', 'name', 'body.name', 'body.json'])
})

test('what is kept of a declaration is plain data', () => {
  for (const spec of catalogue) assert.deepEqual(JSON.parse(JSON.stringify(spec)), spec)
})
