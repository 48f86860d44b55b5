// oxlint-disable typescript/restrict-template-expressions, typescript/no-misused-spread -- printing in every way is what it is about
import assert from 'node:assert/strict'
import { format, inspect } from 'node:util'
import { test } from 'node:test'
import { revealSecret, Secret } from './secret.ts'

test('B4: a secret does not print, in whatever way it is tried', () => {
  const secret = new Secret('hunter2')
  const error = new Error(`it was ${secret}`, { cause: { secret } })
  const spellings = [
    String(secret), `${secret}`, secret + '', JSON.stringify(secret), JSON.stringify({ nested: [secret] }), format('%s %o %O %j', secret, secret, secret, secret),
    inspect(secret, { showHidden: true, depth: null }), inspect({ nested: { secret } }, { showHidden: true, depth: null, getters: true }), inspect(error), error.message,
    Object.keys(secret).join(), JSON.stringify(Object.getOwnPropertyDescriptors(secret)), JSON.stringify({ ...secret }), JSON.stringify(structuredClone(secret)),
    String(Object.entries(secret)), [secret].join(), JSON.stringify(Object.assign({}, secret)),
  ]
  for (const text of spellings) assert.ok(!text.includes('hunter2'), text)
  assert.equal(`${secret}`, '[secret]')
  assert.equal(revealSecret(secret), 'hunter2')
})

test('B4: a clone of a secret, or what only looks like one, reveals nothing', () => {
  const secret = new Secret('hunter2')
  for (const other of [structuredClone(secret), Object.create(Secret.prototype), {}]) assert.throws(() => revealSecret(other as Secret), TypeError)
})
