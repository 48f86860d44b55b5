import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Gate } from './gate.ts'

const patienceMs = 60_000

test('as many as may are in at once, the next wait their turn in order, and the rest are turned away', async () => {
  const gate = new Gate(2, 2)
  assert.equal(gate.enter(patienceMs), true)
  assert.equal(gate.enter(patienceMs), true)
  const order: string[] = []
  const [first, second] = [gate.enter(patienceMs), gate.enter(patienceMs)]
  void Promise.resolve(first).then(() => order.push('first'))
  void Promise.resolve(second).then(() => order.push('second'))
  assert.equal(gate.enter(patienceMs), false)
  gate.leave()
  assert.equal(await first, true)
  assert.deepEqual(order, ['first'])
  gate.leave()
  assert.equal(await second, true)
  gate.leave()
  gate.leave()
  assert.equal(gate.enter(patienceMs), true)
})

test('who waits too long is turned away, and takes no place', async () => {
  const gate = new Gate(1, 1)
  assert.equal(gate.enter(patienceMs), true)
  assert.equal(await gate.enter(5), false)
  gate.leave()
  assert.equal(gate.enter(patienceMs), true)
  assert.ok(gate.enter(patienceMs) instanceof Promise, 'one place, and it is taken')
  gate.leave()
})

test('whatever comes and goes, never more are in than may, and nobody who may come in is left out', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 4 }), fc.array(fc.boolean(), { maxLength: 60 }), async (insideMax, waitingMax, steps) => {
      const gate = new Gate(insideMax, waitingMax)
      let [inside, waiting] = [0, 0]
      for (const comes of steps) {
        if (comes) {
          const entered = gate.enter(patienceMs)
          if (entered === true) inside++
          else if (entered instanceof Promise) {
            waiting++
            void entered.then(() => {
              waiting--
              inside++
            })
          } else assert.deepEqual([inside, waiting], [insideMax, waitingMax])
        } else if (inside > 0) {
          inside--
          gate.leave()
          await new Promise((resolve) => setImmediate(resolve))
        }
        assert.ok(inside <= insideMax)
        assert.ok(waiting === 0 || inside === insideMax)
      }
      while (inside > 0) {
        inside--
        gate.leave()
        await new Promise((resolve) => setImmediate(resolve))
      }
      assert.equal(waiting, 0)
    }),
    { numRuns: 50 },
  )
})
