import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { operationsOf, roles, type Role } from './operation.ts'
import { exactly } from './schema.ts'

const { read, write } = operationsOf<null>()

const common = {
  id: 'lamps.light', summary: 'Light a lamp', description: 'For tests.', http: 'POST /v1/lamps', permission: 'lamps:light', existence: 'lamps:read',
  roles: ['owner'] as readonly Role[], criticality: 'none', faults: [], input: {}, output: exactly({}),
} as const

type Changed = Partial<Record<'permission' | 'existence', string> & { roles: readonly Role[] }>

/** The two ways of declaring, which both have to hold to it. */
const declarations = [
  (changed: Changed) => read({ ...common, ...changed, handle: () => ({}) }),
  (changed: Changed) => write({
    ...common, ...changed, event: 'lamp.lit', takesAway: false, status: 200,
    decide: () => Promise.resolve({ output: {}, target: '', writes: [], facts: {} }),
  }),
]

const named = fc.stringMatching(/^[a-z]{1,8}(-[a-z]{1,8}){0,2}:[a-z]{1,8}(-[a-z]{1,8}){0,2}$/)

test('H1: an operation without a permission, or with one that no role could name, cannot be declared', () => {
  const wrong = ['', ':', '*', '*:*', 'lamps', 'lamps:', ':light', 'lamps:*', 'lamps:light:all', 'Lamps:light', 'lamps:light ', ' lamps:light', 'lamps:light\n', 'lamps light', 'lamps:-light', 'lámpara:ver']
  for (const declare of declarations) {
    for (const permission of wrong) {
      assert.throws(() => declare({ permission }), /H1: lamps\.light names a permission/, JSON.stringify(permission))
      assert.throws(() => declare({ existence: permission }), /H1: lamps\.light names an existence permission/, JSON.stringify(permission))
    }
    // From a place that the compiler does not see.
    assert.throws(() => declare({ permission: undefined as never }), /H1/)
    assert.throws(() => declare({ existence: undefined as never }), /H1/)
  }
})

test('H1: whatever is taken for a permission is two lower-case names with a colon between them, and stays what was declared', () => {
  fc.assert(fc.property(fc.oneof(named, fc.string()), fc.constantFrom(...declarations), (permission, declare) => {
    try {
      assert.equal(declare({ permission }).permission, permission)
    } catch {
      assert.doesNotMatch(permission, /^[a-z]+(-[a-z]+)*:[a-z]+(-[a-z]+)*$/)
      return
    }
    assert.equal(permission.split(':').length, 2)
    assert.match(permission, /^[a-z:-]+$/)
  }))
})

test('H1, H2: what was declared cannot be changed afterwards', () => {
  for (const declare of declarations) {
    const operation = declare({})
    for (const name of ['permission', 'existence', 'roles']) assert.throws(() => Object.assign(operation, { [name]: '' }), TypeError)
  }
})

test('H2: an operation that the owner may not call cannot be declared, whoever else may', () => {
  fc.assert(fc.property(fc.subarray([...roles]), fc.constantFrom(...declarations), (chosen, declare) => {
    if (chosen.includes('owner')) assert.deepEqual(declare({ roles: chosen }).roles, chosen)
    else assert.throws(() => declare({ roles: chosen }), /H2: the owner may do everything, lamps\.light too/)
  }))
})
