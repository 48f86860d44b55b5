import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTurns } from './turns.ts'

test('work on one thing never overlaps, and however many ask while it is under way, they share the next turn', async () => {
  const log: string[] = []
  const gates: (() => void)[] = []
  const turns = createTurns(async (id) => {
    log.push(`begin ${id}`)
    await new Promise<void>((resolve) => gates.push(resolve))
    log.push(`end ${id}`)
  })
  const first = turns.take('a')
  const later = [turns.take('a'), turns.take('a'), turns.take('a')]
  const other = turns.take('b')
  assert.deepEqual(log, ['begin a', 'begin b'])
  gates[0]?.()
  await first
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(log, ['begin a', 'begin b', 'end a', 'begin a'])
  gates[2]?.()
  await Promise.all(later)
  gates[1]?.()
  await other
  await turns.settled()
  assert.deepEqual(log.slice(4), ['end a', 'end b'])
})

test('a turn that fails fails those who took it, and the next one begins anew', async () => {
  let count = 0
  const turns = createTurns(async () => {
    await Promise.resolve()
    count += 1
    if (count === 1) throw new Error('no')
  })
  const [first, second] = [turns.take('a'), turns.take('a')]
  await assert.rejects(first, /no/)
  await second
  await turns.take('a')
  assert.equal(count, 3)
})
