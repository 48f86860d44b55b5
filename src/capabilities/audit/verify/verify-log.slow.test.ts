import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blockOf, findingOf, growing, memorySource, newTestLog, rowOf } from './fixtures.ts'
import type { LogSource } from './source.ts'
import { verifyLog } from './verify-log.ts'

test('a running log is waited for to publish what its rows, its blocks or its history already show', async () => {
  /** The checkpoint that explains it comes at the third look: at the end of the check, and once more. */
  const late = (from: number, to: number, isLive: boolean, history?: readonly string[]) => {
    const { log } = growing(from, to)
    if (history !== undefined) log.history = [...history]
    let asked = 0
    const checkpoint = () => Promise.resolve(asked++ < 2 ? newTestLog(from).checkpoint : log.checkpoint)
    return findingOf(log, {}, { isLive, checkpoint, leaves: undefined as never })
  }
  assert.equal(await late(58, 59, true), 'ok')
  assert.equal(await late(58, 59, false), 'row-unlogged-version row keys/key_08')
  assert.equal(await late(60, 61, true), 'ok')
  assert.equal(await late(60, 61, false), 'block-unknown block blk_60')
  assert.equal(await late(63, 64, true, [newTestLog(64).checkpoint!]), 'ok')
  assert.equal(await late(63, 64, false, [newTestLog(64).checkpoint!]), 'checkpoint-is-old checkpoint 64')
})

test('rows and blocks that a log does not know are not collected without end', async () => {
  const readOn = new Error('read on')
  async function* strangers<Item>(count: number, make: (at: number) => Item): AsyncGenerator<Item> {
    for (let at = 0; at < count; at++) yield await Promise.resolve(make(at))
    throw readOn
  }
  const block = blockOf('blk_new').record
  const sources = (count: number): [Partial<LogSource>, string][] => [
    [{ isLive: true, rows: () => strangers(count, (at) => rowOf(`key_new${at}`, 1).record) }, 'row-unknown row keys/key_new0'],
    [{ isLive: true, blocks: () => strangers(count, (at) => ({ ...block, id: `blk_new${at}` })) }, 'block-unknown block blk_new0'],
  ]
  for (const [source] of sources(10_000)) await assert.rejects(verifyLog(memorySource(newTestLog(1), source)), readOn)
  for (const [source, found] of sources(10_001)) assert.equal(await findingOf(newTestLog(1), {}, source), found)
})
