import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom, unsafeSeededRandom } from './random.ts'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

for (const [name, random] of [['the system', systemRandom], ['a seed', unsafeSeededRandom('uniform')]] as const) {
  test(`base62 from ${name} draws every character equally often`, () => {
    const counts = new Map<string, number>()
    for (const character of random.base62(62 * 10_000)) counts.set(character, (counts.get(character) ?? 0) + 1)
    assert.deepEqual(new Set(counts.keys()), new Set(alphabet))
    // A remainder by 62 would draw eight characters 21 % too often; 6 standard deviations are 6 %.
    for (const [character, count] of counts) assert.ok(Math.abs(count - 10_000) < 600, `${character}: ${count}`)
  })
}

test('base62 has the length asked for and does not repeat itself', () => {
  for (const length of [0, 1, 16, 59, 5_000]) assert.equal(systemRandom.base62(length).length, length)
  const drawn = new Set(Array.from({ length: 1_000 }, () => systemRandom.base62(16)))
  assert.equal(drawn.size, 1_000)
})

test('bytes are as many as asked for, in memory of their own', () => {
  const bytes = systemRandom.bytes(32)
  assert.equal(bytes.length, 32)
  assert.equal(bytes.buffer.byteLength, 32)
  assert.notDeepEqual(bytes, systemRandom.bytes(32))
})

test('the same seed gives the same draws, another seed others', () => {
  const draw = (seed: string) => {
    const random = unsafeSeededRandom(seed)
    return [random.base62(59), random.bytes(32).toString('hex'), random.base62(300)]
  }
  assert.deepEqual(draw('a'), draw('a'))
  assert.notDeepEqual(draw('a'), draw('b'))
})
