import assert from 'node:assert/strict'
import { test } from 'node:test'
import { after, afterEach, beforeEach, kept, runKept, test as keep } from './node-test.ts'

const said: string[] = []
const keptLast = () => {
  const last = kept.tests.at(-1)
  assert.ok(last)
  return last
}

test('a test is kept, and runs each time it is asked for, with its hooks around it and its own ends first', async () => {
  beforeEach(() => void said.push('before'))
  afterEach(() => void said.push('after'))
  keep('of a mutant', ({ after: atItsEnd }) => {
    atItsEnd(() => void said.push('its end'))
    after(() => void said.push('its second end'))
    said.push('run')
  })
  assert.deepEqual(said, [])
  for (let time = 0; time < 2; time++) {
    said.length = 0
    assert.equal(await runKept(keptLast()), null)
    assert.deepEqual(said, ['before', 'run', 'its second end', 'its end', 'after'])
  }
})

test('a test fails by what it throws, and by what its hooks throw', async () => {
  keep('throws', () => assert.fail('thrown'))
  assert.equal(await runKept(keptLast()), 'thrown')
  keep('ends badly', ({ after: atItsEnd }) => atItsEnd(() => assert.fail('at its end')))
  assert.equal(await runKept(keptLast()), 'at its end')
})

test('a test that asks to be skipped is kept as one', () => {
  keep('skipped', { skip: 'not here' }, () => {})
  keep('not skipped', { skip: false }, () => {})
  assert.deepEqual(kept.tests.slice(-2).map(({ isSkipped }) => isSkipped), [true, false])
})
