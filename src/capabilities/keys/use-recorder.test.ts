import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createClock } from '#core/base/clock'
import { unsafeSeededRandom } from '#core/crypto/random'
import { CommitConflict, type Commit, type Committed } from '#core/storage/commit'
import { storageFaults } from '#core/storage/faults'
import { openSqlite } from '#core/storage/sqlite/open-sqlite'
import type { Storage } from '#core/storage/storage'
import { fault } from '../../../tests/support/foundations.ts'
import { keysMigrations } from './migrations/index.ts'
import { useBatchTable, type KeysDatabase } from './tables.ts'
import { createUseRecorder } from './use-recorder.ts'
import { readUses, type Use } from './use.ts'

const useOf = (at: number, more: Partial<Use> = {}): Use => ({
  workspaceId: 'wsp_0123456789ABCDEF', environmentId: 'env_0123456789ABCDEF', keyId: 'key_0123456789ABCDEF', holderId: '', atMs: at, code: 'valid',
  clientIp: '192.0.2.1', permissions: 'rpc:read', verifierId: 'prn_0123456789ABCDEF', count: 1, ...more,
})

/** What the disk does with a commit: `lost` applies it and then loses the answer, as a broken connection does. */
type Fate = 'written' | 'refused' | 'lost'

/** The real storage, whose commits wait for the test and can be made to fail. */
async function open(fates: readonly Fate[] = []) {
  const storage = await openSqlite({ path: ':memory:', migrations: keysMigrations })
  const waiting: (() => void)[] = []
  const left = [...fates]
  let held = false
  const unavailable = () => storageFaults.unavailable('The database cannot be reached right now.')
  const disk: Storage = {
    ...storage,
    async commit(commit: Commit): Promise<Committed> {
      if (held) await new Promise<void>((resolve) => waiting.push(resolve))
      const fate = left.shift() ?? 'written'
      if (fate === 'refused') throw unavailable()
      const committed = await storage.commit(commit)
      if (fate === 'lost') throw unavailable()
      return committed
    },
  }
  const recorder = createUseRecorder({ storage: disk, clock: createClock(() => 1_000), random: unsafeSeededRandom('uses') })
  const known = new Map<string, number[]>()
  const written = async (): Promise<number[]> => {
    const reader = storage.reader<KeysDatabase>()
    const ids = (await reader.selectFrom('use_batches').select('id').orderBy('id').execute()).map(({ id }) => id)
    for (const id of ids) {
      if (known.has(id)) continue
      const { uses } = await reader.selectFrom('use_batches').select('uses').where('id', '=', id).executeTakeFirstOrThrow()
      known.set(id, (readUses(uses) ?? assert.fail('a batch holds whole lines')).map((use) => use.atMs))
    }
    return ids.flatMap((id) => known.get(id) ?? [])
  }
  return {
    recorder, written, storage,
    hold: () => void (held = true),
    release() {
      held = false
      for (const resolve of waiting.splice(0)) resolve()
    },
    batches: async () => (await storage.reader<KeysDatabase>().selectFrom('use_batches').select('id').execute()).length,
    close: () => storage.close(),
  }
}

test('a use is on disk before whoever waits for it is answered, however many wait', async () => {
  const world = await open()
  const answered = Array.from({ length: 200 }, async (_, at) => {
    await world.recorder.durable(useOf(at))
    assert.ok((await world.written()).includes(at), `use ${at} was answered before it was on disk`)
  })
  await Promise.all(answered)
  assert.equal((await world.written()).length, 200)
  assert.ok((await world.batches()) < 20, 'uses that wait go to disk together')
  await world.close()
})

test('K10: nobody is answered before their own use is on disk, even when more wait than one batch holds', async () => {
  const world = await open()
  world.hold()
  let answered = 0
  const first = world.recorder.durable(useOf(0)).then(() => void answered++)
  await Promise.resolve()
  const count = 20_000
  const all = Array.from({ length: count }, async (_, at) => {
    await world.recorder.durable(useOf(at + 1))
    answered++
  })
  world.release()
  await first
  // Each batch answers its own: at any moment, as many are answered as are on disk, or fewer.
  while (answered <= count) {
    assert.ok(answered <= (await world.written()).length)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.all(all)
  assert.deepEqual(await world.written(), Array.from({ length: count + 1 }, (_, at) => at))
  await world.close()
})

test('relaxed uses are written without anybody asking, and by flush at once', async () => {
  const world = await open()
  world.recorder.relaxed(useOf(1))
  assert.equal(world.recorder.waiting, 1)
  for (const deadline = Date.now() + 5_000; (await world.batches()) === 0; ) {
    assert.ok(Date.now() < deadline, 'the use was never written')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  world.recorder.relaxed(useOf(2))
  await world.recorder.flush()
  assert.deepEqual([await world.written(), world.recorder.waiting], [[1, 2], 0])
  await world.close()
})

test('who waits when the disk fails is told, and is not recorded; relaxed uses are kept and written once', async () => {
  const world = await open(['refused'])
  world.recorder.relaxed(useOf(1))
  const waiting = world.recorder.durable(useOf(2))
  world.recorder.relaxed(useOf(3))
  await assert.rejects(waiting, fault('keys/use-recording-unavailable'))
  assert.equal(world.recorder.waiting, 2)
  await world.recorder.flush()
  assert.deepEqual(await world.written(), [1, 3])
  await world.close()
})

test('a batch of which the answer was lost is not written twice', async () => {
  const world = await open(['lost'])
  world.recorder.relaxed(useOf(1))
  await assert.rejects(world.recorder.flush(), fault('keys/use-recording-unavailable'))
  world.recorder.relaxed(useOf(2))
  await world.recorder.flush()
  assert.deepEqual(await world.written(), [1, 2])
  await world.close()
})

test('flush says that it failed, instead of trying for ever', async () => {
  const world = await open(['refused', 'refused'])
  world.recorder.relaxed(useOf(1))
  await assert.rejects(world.recorder.flush(), fault('keys/use-recording-unavailable'))
  await assert.rejects(world.recorder.flush(), fault('keys/use-recording-unavailable'))
  await world.recorder.flush()
  assert.deepEqual(await world.written(), [1])
  await world.close()
})

test('when too many wait, verifications are refused and the control plane goes on', async () => {
  const world = await open()
  world.hold()
  const long = 'a'.repeat(64).concat(',').repeat(63)
  let kept = 0
  for (; ; kept++) {
    try {
      world.recorder.relaxed(useOf(kept, { permissions: long }))
    } catch (error) {
      assert.ok(fault('keys/use-recording-unavailable')(error))
      break
    }
  }
  assert.ok(kept > 10_000 && kept < 262_144, `${kept} long lines are kept`)
  await assert.rejects(world.recorder.durable(useOf(0, { permissions: long })), fault('keys/use-recording-unavailable'))
  // To the last character that it keeps.
  assert.throws(() => {
    for (;;) world.recorder.relaxed(useOf(0, { permissions: '' }))
  }, fault('keys/use-recording-unavailable'))
  const before = world.recorder.dropped
  for (let at = 0; at < 3; at++) world.recorder.controlPlane(useOf(at))
  assert.equal(world.recorder.dropped - before, 3)
  world.release()
  await world.recorder.flush()
  world.recorder.controlPlane(useOf(7))
  assert.deepEqual([world.recorder.waiting, world.recorder.dropped], [1, 3])
  await world.recorder.flush()
  await world.close()
})

type Step = { readonly act: 'durable' | 'relaxed' | 'turn' | 'flush' }
const steps = fc.array(fc.record<Step>({ act: fc.constantFrom('durable', 'durable', 'relaxed', 'turn', 'flush') }), { maxLength: 30 })
const fates = fc.array(fc.constantFrom<Fate>('written', 'written', 'refused', 'lost'), { maxLength: 12 })

test('K10: under any faults of the disk, what was answered is on disk once, and so is every relaxed use in the end', async () => {
  await fc.assert(fc.asyncProperty(steps, fates, async (history, outcomes) => {
    const world = await open(outcomes)
    const answered = new Set<number>()
    const refused = new Set<number>()
    const relaxed = new Set<number>()
    const waits: Promise<unknown>[] = []
    for (const [at, { act }] of history.entries()) {
      if (act === 'durable') waits.push(world.recorder.durable(useOf(at)).then(() => answered.add(at), () => refused.add(at)))
      else if (act === 'relaxed') {
        world.recorder.relaxed(useOf(at))
        relaxed.add(at)
      } else if (act === 'turn') await new Promise((resolve) => setImmediate(resolve))
      else await world.recorder.flush().catch(() => {})
    }
    await Promise.all(waits)
    while (world.recorder.waiting > 0) await world.recorder.flush().catch(() => {})
    const written = await world.written()
    assert.equal(new Set(written).size, written.length, 'nothing is written twice')
    for (const at of [...answered, ...relaxed]) assert.ok(written.includes(at), `use ${at} is on disk`)
    // A use that was refused may be there when the answer of its commit was lost, and only then.
    if (!outcomes.includes('lost')) for (const at of refused) assert.ok(!written.includes(at), `use ${at} was refused`)
    await world.close()
  }), { numRuns: 100 })
})

test('a conflict over the id of a batch is known from the storage itself', async () => {
  const world = await open()
  const row = { id: '1', version: 1, at_ms: 1, uses: Buffer.alloc(0) }
  const commit: Commit = { atMs: 1, expects: [], appends: [], takesAway: false, writes: [{ kind: 'insert', table: useBatchTable, row }] }
  await world.storage.commit(commit)
  await assert.rejects(world.storage.commit(commit), (error) => error instanceof CommitConflict && error.kind === 'unique')
  await world.close()
})

test('uses of a credential in one moment are one line with their number; another outcome or address is another line', async () => {
  const world = await open()
  for (let at = 1; at <= 5; at++) world.recorder.controlPlane(useOf(at))
  world.recorder.controlPlane(useOf(6, { code: 'ip-not-allowed' }))
  world.recorder.controlPlane(useOf(7, { clientIp: '192.0.2.2' }))
  assert.equal(world.recorder.waiting, 3)
  await world.recorder.flush()
  assert.equal(world.recorder.waiting, 0)
  const batches = await world.storage.reader<KeysDatabase>().selectFrom('use_batches').select('uses').execute()
  const uses = batches.flatMap((batch) => readUses(batch.uses) ?? assert.fail('whole lines'))
  assert.deepEqual(uses.map(({ atMs, count, code, clientIp }) => [atMs, count, code, clientIp]), [
    [5, 5, 'valid', '192.0.2.1'], [6, 1, 'ip-not-allowed', '192.0.2.1'], [7, 1, 'valid', '192.0.2.2'],
  ])
  await world.close()
})
