import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReadFence } from './read-fence.ts'

test('what changed after the ticket was taken is outdated, what changed before is not', () => {
  const fence = new ReadFence()
  const early = fence.enter()
  fence.changed('a')
  const late = fence.enter()
  assert.deepEqual([fence.isOutdated(early, 'a'), fence.isOutdated(late, 'a'), fence.isOutdated(early, 'b')], [true, false, false])
  fence.changed('a')
  assert.equal(fence.isOutdated(late, 'a'), true)
})

test('changes are forgotten once nobody reads, and never held against a later reader', () => {
  const fence = new ReadFence()
  fence.enter()
  fence.changed('a')
  fence.leave()
  fence.changed('a')
  assert.equal(fence.isOutdated(fence.enter(), 'a'), false)
})

test('when anything may have changed, everything read before is outdated', () => {
  const fence = new ReadFence()
  const ticket = fence.enter()
  fence.outdateAll()
  assert.equal(fence.isOutdated(ticket, 'never heard of'), true)
  assert.equal(fence.isOutdated(fence.enter(), 'never heard of'), false)
})

test('more changes than are remembered outdate everything read meanwhile', () => {
  const fence = new ReadFence()
  const ticket = fence.enter()
  for (let change = 0; change <= 100_000; change++) fence.changed(`key ${change}`)
  assert.equal(fence.isOutdated(ticket, 'key 0'), true)
  assert.equal(fence.isOutdated(ticket, 'another'), true)
})
