import assert from 'node:assert/strict'
import { isMainThread, threadId } from 'node:worker_threads'
import { test } from 'node:test'
import { createOffload, defineWork, inlineOffload } from './offload.ts'

export const addOne = defineWork(import.meta.url, 'addOne', (bytes: Uint8Array) => ({ bytes: bytes.map((byte) => byte + 1), where: threadId }))
export const refuse = defineWork(import.meta.url, 'refuse', (): never => {
  throw new RangeError('no such thing')
})
export const giveFunction = defineWork(import.meta.url, 'giveFunction', () => () => 1)
class Odd extends Error {
  override readonly name = 'Odd'
  override readonly cause = () => 1
}
export const refuseOddly = defineWork(import.meta.url, 'refuseOddly', (): never => {
  throw new Odd('for a reason')
})
export const leave = defineWork(import.meta.url, 'leave', (): void => process.exit(3))

if (isMainThread) {
  test('what is offloaded runs in another thread, and its result comes back', async () => {
    const offload = createOffload()
    const [first, second] = await Promise.all([offload.run(addOne, Uint8Array.of(1, 2)), offload.run(addOne, Uint8Array.of(7))])
    assert.deepEqual([first.bytes, second.bytes], [Uint8Array.of(2, 3), Uint8Array.of(8)])
    assert.notEqual(first.where, threadId)
    assert.equal(second.where, first.where)
    assert.equal((await inlineOffload.run(addOne, Uint8Array.of(1))).where, threadId)
    await offload.close()
  })

  test('what an offloaded function throws, its caller is told', async () => {
    const offload = createOffload()
    await assert.rejects(offload.run(refuse), { name: 'RangeError', message: 'no such thing' })
    await assert.rejects(inlineOffload.run(refuse), RangeError)
    await offload.close()
  })

  test('J4: a thread that dies answers everybody who waits for it, and the next call has a new one', async () => {
    const offload = createOffload()
    const calls = await Promise.allSettled([offload.run(leave), offload.run(addOne, Uint8Array.of(1))])
    assert.deepEqual(calls.map(({ status }) => status), ['rejected', 'rejected'])
    assert.deepEqual((await offload.run(addOne, Uint8Array.of(1))).bytes, Uint8Array.of(2))
    await offload.close()
  })

  test('J4: what no thread can be given is told as an error, and the thread goes on', async () => {
    const offload = createOffload()
    const others = offload.run(addOne, Uint8Array.of(1))
    await assert.rejects(offload.run(giveFunction), { message: 'what it returned cannot be copied' })
    await assert.rejects(offload.run(refuseOddly), /for a reason/)
    const { where } = await others
    assert.equal((await offload.run(addOne, Uint8Array.of(1))).where, where)
    await offload.close()
    await assert.rejects(offload.run(addOne, Uint8Array.of(1)), /thread has ended/)
  })

  test('J4: closing refuses what is under way', async () => {
    const offload = createOffload()
    const call = assert.rejects(offload.run(addOne, Uint8Array.of(1)), /thread has ended/)
    await offload.close()
    await call
  })
}
