/** What stands beside a log and never leaves its database, removed or brought back behind the server's back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toTimestamp } from '#core/base/clock'
import { systemRandom } from '#core/crypto/random'
import { encodeDetails, sealDetail, detailSaltLength, type SealedDetail } from '../details.ts'
import type { DetailMark } from '../entry.ts'
import { sectionsCommitment } from '../sections.ts'
import { entryOf, memorySource, newTestLog, publish, startMs, workspaceId, type TestLog, environmentId } from './fixtures.ts'
import type { LogSource } from './source.ts'
import { verifyLog, type VerifyReport } from './verify-log.ts'

const [ann, bob, eve] = ['con_000000000000000a', 'con_000000000000000b', 'con_000000000000000e'] as const

interface Sealed {
  readonly log: TestLog
  /** What lies beside each entry. */
  readonly beside: Map<number, SealedDetail[]>
  readonly keys: Set<string>
}

const sealedFor = (subject: string, at: string): { mark: DetailMark; detail: SealedDetail } =>
  sealDetail(systemRandom.bytes(32), { workspaceId, entryId: at, subject }, { name: subject }, systemRandom.bytes(detailSaltLength))

/** A log of 600 entries: the last hundred are about Ann and Bob, Eve was erased by entry 598, and entry 599 cuts a block. */
function newSealed(): Sealed {
  const log = { ...newTestLog(600) }
  const beside = new Map<number, SealedDetail[]>()
  for (let index = 500; index < 598; index++) {
    const parts = [sealedFor(ann, `${index}`), sealedFor(index === 500 ? eve : bob, `${index}`)]
    beside.set(index, parts.map(({ detail }) => detail))
    log.entries[index] = entryOf(index, { event: 'consumer.updated', target: bob, details: parts.map(({ mark }) => mark) })
  }
  log.entries[598] = entryOf(598, { event: 'consumer.erased', target: eve })
  const sections = Buffer.from(JSON.stringify([sealedFor(ann, 'blk'), { mark: { subject: eve, commitment: '' }, detail: null }]))
  const block = { id: 'blk', environment: environmentId, uses: 3, from: toTimestamp(startMs), to: toTimestamp(startMs) }
  log.entries[599] = entryOf(599, {
    event: 'uses.recorded', target: environmentId, facts: { block: block.id, uses: 3, denied: 0, from: block.from, to: block.to, sections: sectionsCommitment(sections) },
  })
  // Those that the log was made with have nothing sealed in them that could be a seal.
  log.blocks = [{ ...block, sections }]
  for (let index = 60; index < 63; index++) log.entries[index] = entryOf(index)
  publish(log, [])
  return { log, beside, keys: new Set([ann, bob]) }
}

async function* each<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  yield* await Promise.resolve(items)
}

function reportOf({ log, beside, keys }: Sealed, more: Partial<LogSource> = {}): Promise<VerifyReport> {
  return verifyLog(memorySource(log, {
    sealed: {
      details: (from, count) => Promise.resolve(Array.from({ length: count }, (_, at) => encodeDetails(beside.get(from + at) ?? []))),
      subjectKeys: () => each(keys),
    },
    ...more,
  }))
}

const findingOf = ({ problems: [problem] }: VerifyReport): string =>
  problem === undefined ? 'ok' : `${problem.code} ${problem.place.kind} ${problem.place.name}`

async function tampered(change: (sealed: Sealed) => void): Promise<string> {
  const sealed = newSealed()
  change(sealed)
  return findingOf(await reportOf(sealed))
}

test('what is sealed as it was written passes and is counted, an erased subject\'s too; a source that cannot see it says so', async () => {
  const sealed = newSealed()
  const report = await reportOf(sealed)
  assert.equal(findingOf(report), 'ok')
  assert.deepEqual([report.counts.sealed, report.counts.subjectKeys], [2 * 98 + 1, 2])
  const { sealed: _, ...blind } = memorySource(sealed.log)
  const unseen = await verifyLog(blind)
  assert.equal(findingOf(unseen), 'ok')
  assert.deepEqual([unseen.counts.sealed, unseen.counts.subjectKeys], [null, null])
})

test('what is sealed is read a few hundred entries at a time, published or not, and of each entry once', async () => {
  for (const published of [600, 1]) {
    const { log, beside, keys } = newSealed()
    const leaves = log.entries.splice(published)
    publish(log, [])
    const reads: (readonly [from: number, count: number])[] = []
    const sealed = {
      details: (from: number, count: number) => {
        reads.push([from, count])
        return Promise.resolve(Array.from({ length: count }, (_, at) => encodeDetails(beside.get(from + at) ?? [])))
      },
      subjectKeys: () => each(keys),
    }
    assert.equal(findingOf(await verifyLog(memorySource({ ...log, leaves }, { sealed }))), 'ok')
    assert.deepEqual(reads, [[0, 256], [256, 256], [512, 88]])
  }
})

test('sealed details that were removed, replaced, moved to another subject or added are named by their entry', async () => {
  for (const index of [500, 511, 512, 597]) {
    const place = `entry ${index}`
    const [first, second] = [sealedFor(ann, place).detail, sealedFor(bob, place).detail]
    assert.equal(await tampered(({ beside }) => beside.delete(index)), `details-missing ${place}`)
    assert.equal(await tampered(({ beside }) => beside.set(index, [first])), `details-missing ${place}`)
    assert.equal(await tampered(({ beside }) => beside.set(index, [second, first])), `details-missing ${place}`)
    assert.equal(await tampered(({ beside }) => beside.get(index)!.splice(1, 1, { ...second, subject: index === 500 ? eve : bob, sealed: '' })), `details-missing ${place}`)
    assert.equal(await tampered(({ beside }) => beside.get(index)!.push(first)), `details-unknown ${place}`)
  }
  assert.equal(await tampered(({ beside }) => beside.set(7, [sealedFor(ann, '7').detail])), 'details-unknown entry 7')
  const { log, beside, keys } = newSealed()
  const spoiled = Array.from({ length: 600 }, (_, index) => (index === 505 ? Buffer.from('[{}]') : encodeDetails(beside.get(index) ?? [])))
  const sealed = { details: (from: number, count: number) => Promise.resolve(spoiled.slice(from, from + count)), subjectKeys: () => each(keys) }
  assert.equal(findingOf(await verifyLog(memorySource(log, { sealed }))), 'details-malformed entry 505')
})

test('uses that were removed from a block, and nothing that it commits to with them, are named', async () => {
  const without = ({ log }: Sealed): void => {
    const [block] = log.blocks
    const [first, second] = JSON.parse(block!.sections.toString()) as { mark: DetailMark; detail: SealedDetail | null }[]
    log.blocks = [{ ...block!, sections: Buffer.from(JSON.stringify([{ ...first, detail: null }, second])) }]
  }
  assert.equal(await tampered(without), 'block-details-missing block blk')
  const sealed = newSealed()
  without(sealed)
  const { sealed: _, ...blind } = memorySource(sealed.log)
  assert.equal(findingOf(await verifyLog(blind)), 'ok', 'an export leaves out what is sealed')
})

test('a subject whose key is gone must have been erased, and one that was erased must have no key', async () => {
  assert.equal(await tampered(({ keys }) => keys.delete(bob)), `subject-key-missing subject ${bob}`)
  assert.equal(await tampered(({ keys }) => keys.clear()), `subject-key-missing subject ${ann}`)
  assert.equal(await tampered(({ keys }) => keys.add(eve)), `subject-key-kept subject ${eve}`)
  assert.equal(await tampered(({ keys }) => keys.add('con_000000000000000f')), 'ok', 'a key that nothing was sealed under yet')
})

test('a subject whose uses alone are sealed must have its key too', async () => {
  const found = (isKept: boolean) => tampered(({ log, keys }) => {
    const dan = 'con_000000000000000d'
    const [block] = log.blocks
    const sections = Buffer.from(JSON.stringify([sealedFor(dan, 'blk')]))
    log.blocks = [{ ...block!, sections }]
    const { id, uses, from, to } = block!
    log.entries[599] = entryOf(599, { event: 'uses.recorded', target: environmentId, facts: { block: id, uses, denied: 0, from, to, sections: sectionsCommitment(sections) } })
    publish(log, [])
    if (isKept) keys.add(dan)
  })
  assert.equal(await found(true), 'ok')
  assert.equal(await found(false), 'subject-key-missing subject con_000000000000000d')
})

test('a running log is waited for to publish the erasure of a subject whose key is gone', async () => {
  const { log, beside, keys } = newSealed()
  const before = log.checkpoint
  log.entries.push(entryOf(600, { event: 'consumer.erased', target: bob }))
  publish(log, [])
  keys.delete(bob)
  const found = async (isLive: boolean) => {
    let asked = 0
    const checkpoint = () => Promise.resolve(asked++ < 2 ? before : log.checkpoint)
    return findingOf(await reportOf({ log, beside, keys }, { isLive, checkpoint, leaves: undefined as never }))
  }
  assert.equal(await found(true), 'ok')
  assert.equal(await found(false), `subject-key-missing subject ${bob}`)
})

test('an erasure, and a new subject, that come while the keys are read are explained by the entries that follow', async () => {
  const { log, beside, keys } = newSealed()
  const fresh = sealedFor(eve, '601')
  beside.set(601, [fresh.detail])
  const later = [entryOf(600, { event: 'consumer.erased', target: bob }), entryOf(601, { details: [{ ...fresh.mark, subject: 'con_new' }] })]
  beside.set(601, [{ ...fresh.detail, subject: 'con_new' }])
  keys.delete(bob)
  const leaves = (whole: readonly Buffer[]): Partial<LogSource> => {
    let asked = 0
    return { leaves: (from) => each(asked++ === 0 ? [] : whole.slice(from - 600)) }
  }
  assert.equal(findingOf(await reportOf({ log, beside, keys }, leaves(later))), 'ok')
  assert.equal(findingOf(await reportOf({ log, beside, keys }, leaves([entryOf(600), later[1]!]))), `subject-key-missing subject ${bob}`)
})
