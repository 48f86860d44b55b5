import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as holds, InvariantViolation } from './assert.ts'
import { defineFaults, Fault, faultCatalogue, toProblem } from './fault.ts'

const faults = defineFaults('test-base', { 'too-hot': { status: 409, title: 'It is too hot' } })

test('a fault is declared once and raised by its name, with the status and title of its kind', () => {
  const fault = faults['too-hot']('Wait until it is cool.', { retryAfterS: 5 })
  assert.ok(fault instanceof Fault && fault instanceof Error)
  assert.deepEqual([fault.code, fault.status, fault.title, fault.detail, fault.retryAfterS], ['test-base/too-hot', 409, 'It is too hot', 'Wait until it is cool.', 5])
  assert.deepEqual(faults.codes, ['test-base/too-hot'])
  assert.deepEqual(faultCatalogue.get('test-base/too-hot'), { status: 409, title: 'It is too hot' })
})

test('B3: a problem has what the caller may know, and never the context, the cause or the stack', () => {
  const fault = faults['too-hot']('Wait.', { context: { sensor: 'hidden-context' }, cause: new Error('hidden-cause'), errors: [{ pointer: '/a', detail: 'Is missing.' }] })
  const problem = toProblem(fault, 'req_1')
  assert.deepEqual(problem, {
    type: '/errors/test-base/too-hot', title: 'It is too hot', status: 409, detail: 'Wait.', code: 'test-base/too-hot', instance: 'urn:claviger:request:req_1',
    errors: [{ pointer: '/a', detail: 'Is missing.' }],
  })
  assert.doesNotMatch(JSON.stringify(problem), /hidden|base\.test/)
})

test('B3: what is no fault is an opaque problem, whatever was thrown', () => {
  const opaque = { type: '/errors/core/internal', title: 'Internal error', status: 500, code: 'core/internal', instance: 'urn:claviger:request:req_1' }
  const thrown = [new Error('hidden'), new InvariantViolation('hidden'), 'hidden', null, undefined, { status: 200, detail: 'hidden', code: 'hidden' }, Object.assign(new Error('hidden'), { code: 'x/y', status: 200 })]
  for (const error of thrown) assert.deepEqual(toProblem(error, 'req_1'), opaque)
})

test('a broken invariant is thrown by its number', () => {
  holds(true, 'T0: fine')
  for (const condition of [false, 0, '', null, undefined]) assert.throws(() => holds(condition, 'T0: not fine'), { name: 'InvariantViolation', message: 'invariant violated: T0: not fine' })
})
