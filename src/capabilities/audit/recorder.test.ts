import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { createInlineKeyProcess } from '#core/crypto/key-process/client'
import { newId } from '#core/base/id'
import { systemRandom } from '#core/crypto/random'
import { subjectKey } from '#core/keyring/keyring'
import { CommitConflict, type Commit } from '#core/storage/commit'
import { findEntry } from '#core/storage/entry-lookup'
import { rowDigest, type StoredRow } from '#core/storage/row-guard'
import type { Storage } from '#core/storage/storage'
import { decodeDetails, openDetail } from './details.ts'
import { decodeEntry, type Entry } from './entry.ts'
import {
  actOf, callerOf, changeOf, gate, gateId, gateTable, makeWorkspace, openMemory, openRoom, personId, writeGate, type AuditRoom, type GateRow,
} from './fixtures.ts'
import { createRecorder, type Recorder } from './recorder.ts'
import { createSubjects } from './subjects.ts'

const opened: Storage[] = []
afterEach(async () => {
  for (const storage of opened.splice(0)) await storage.close()
})

async function memoryRoom(): Promise<AuditRoom> {
  const storage = await openMemory()
  opened.push(storage)
  return openRoom(storage)
}

const gatesOf = (storage: Storage) =>
  storage.reader<{ audit_gates: StoredRow<GateRow> }>().selectFrom('audit_gates').selectAll().orderBy('id').execute()
const countEntries = async (storage: Storage): Promise<number> =>
  (await storage.reader<{ entries: { id: string } }>().selectFrom('entries').select('id').execute()).length

async function entryOf(room: AuditRoom, log: string, id: string): Promise<{ entry: Entry; dataOf: (subject: string) => Promise<unknown> }> {
  const stored = await findEntry(room.storage.reader<never>(), log, id)
  assert.ok(stored !== null)
  const entry = decodeEntry(stored.leaf)
  assert.ok(entry !== null)
  return {
    entry,
    async dataOf(subject) {
      const mark = entry.details.find((one) => one.subject === subject)
      const detail = decodeDetails(stored.details)?.find((one) => one.subject === subject)
      if (mark === undefined || detail === undefined) return 'none'
      const key = await room.subjects.keyToOpen(log, subject)
      return key === null ? 'erased' : openDetail(key, { workspaceId: log, entryId: id, subject }, detail, mark)
    },
  }
}

test('a change and its entry are one: both are there, and the entry has the digest of the row', async () => {
  const room = await memoryRoom()
  const log = await makeWorkspace(room, [personId(1)])
  const act = actOf(log)
  const { entryId } = await room.recorder.record({ ...act, decision: { ...act.decision, writes: [writeGate(gate(log, 1))] } })
  assert.equal(entryId, act.entryId)
  const [row] = await gatesOf(room.storage)
  assert.ok(row !== undefined && room.guard.isGenuine(gateTable, row))
  const { entry, dataOf } = await entryOf(room, log, entryId)
  assert.deepEqual(entry.rows, [{ table: 'audit_gates', id: gateId(1), version: 1, digest: rowDigest(gateTable, row, row.salt).toString('base64url') }])
  assert.deepEqual(entry.actor, { principal: personId(1), key: 'key_0000000000000001', workspace: log })
  assert.ok(!('withheld' in entry))
  assert.deepEqual(await dataOf(personId(1)), { ip: '192.0.2.7', request: 'req_0000000000000001', userAgent: 'test/1' })
})

test('a change that meets a conflict leaves no entry, and an entry that does not fit leaves no change', async () => {
  const room = await memoryRoom()
  const log = await makeWorkspace(room, [personId(1)])
  await room.recorder.recordChanges([changeOf(log, { writes: [writeGate(gate(log, 1))] })])
  await assert.rejects(room.recorder.recordChanges([changeOf(log, { writes: [writeGate(gate(log, 2)), writeGate(gate(log, 1))] })]), CommitConflict)
  await assert.rejects(room.recorder.recordChanges([
    changeOf(log, { writes: [writeGate(gate(log, 3))] }),
    changeOf(log, { writes: [writeGate(gate(log, 4))], facts: { text: 'x'.repeat(70_000) } }),
  ]), { code: 'audit/entry-too-large' })
  assert.deepEqual([(await gatesOf(room.storage)).length, await countEntries(room.storage)], [1, 1])
})

test('no personal data stands in a leaf, and each person\'s details open with that person\'s key only', async () => {
  const room = await memoryRoom()
  const log = await makeWorkspace(room, [personId(1), personId(2)])
  const act = actOf(log)
  const details = [{ subject: personId(2), data: { name: 'Ada Lovelace' } }, { subject: personId(2), data: { mail: 'ada@example.com' } }]
  const { entryId } = await room.recorder.record({ ...act, decision: { ...act.decision, details } })
  const { entry, dataOf } = await entryOf(room, log, entryId)
  for (const secret of ['Ada Lovelace', 'ada@example.com', '192.0.2.7', 'test/1']) assert.ok(!JSON.stringify(entry).includes(secret), secret)
  assert.deepEqual(entry.details.map((mark) => mark.subject), [personId(2), personId(1)])
  assert.deepEqual(await dataOf(personId(2)), { name: 'Ada Lovelace', mail: 'ada@example.com' })
  const stored = await findEntry(room.storage.reader<never>(), log, entryId)
  const [detail] = decodeDetails(stored?.details ?? Buffer.alloc(0)) ?? []
  const [mark] = entry.details
  const wrongKey = await room.subjects.keyToOpen(log, personId(1))
  assert.ok(detail !== undefined && mark !== undefined && wrongKey !== null)
  assert.equal(openDetail(wrongKey, { workspaceId: log, entryId, subject: personId(2) }, detail, mark), null)
})

test('what an entry is about is named by an id, or the change is not made', async () => {
  const room = await memoryRoom()
  const log = await makeWorkspace(room)
  for (const target of ['Ada Lovelace', 'ada@example.com', 'prn_1', `${gateId(1)} `, `Ada ${gateId(1)}`, `x${gateId(1)}`]) {
    await assert.rejects(room.recorder.recordChanges([changeOf(log, { target, writes: [writeGate(gate(log, 1))] })]), /A9/)
  }
  assert.equal(await countEntries(room.storage), 0)
  await room.recorder.recordChanges([changeOf(log, { target: '' })])
  assert.throws(() => void room.recorder.recordChanges([]), /A6/)
  assert.equal(await countEntries(room.storage), 1, 'about nothing in particular, and never about nothing')
})

test('details about somebody whose key the same commit brings are sealed under it', async () => {
  const room = await memoryRoom()
  const log = await makeWorkspace(room, [personId(1)])
  const draft = room.keyring.draft()
  await draft.create(subjectKey(log, personId(5)))
  const change = changeOf(log, { writes: [...draft.writes, writeGate(gate(log, 1))], details: [{ subject: personId(5), data: { name: 'Grace' } }] })
  const { entryId } = await room.recorder.recordChanges([change])
  const { dataOf } = await entryOf(room, log, entryId)
  assert.deepEqual(await dataOf(personId(5)), { name: 'Grace' })
})

test('erasing a person makes its details unreadable everywhere, leaves none in that very entry, and the log still verifies', async () => {
  const room = await memoryRoom()
  const log = await makeWorkspace(room, [personId(1), personId(2)])
  const about = (text: string) => [{ subject: personId(1), data: { text } }, { subject: personId(2), data: { text } }]
  const before = await room.recorder.recordChanges([changeOf(log, { details: about('before') })])
  await room.publisher.publishNow(log)
  const erasure = await room.recorder.recordChanges([changeOf(log, { details: about('during'), erases: [personId(1)], takesAway: true })])
  const after = await room.recorder.recordChanges([changeOf(log, { details: about('after') })])
  const states = []
  for (const { entryId } of [before, erasure, after]) {
    const { dataOf } = await entryOf(room, log, entryId)
    states.push([await dataOf(personId(1)), await dataOf(personId(2))])
  }
  assert.deepEqual(states, [['erased', { text: 'before' }], ['none', { text: 'during' }], ['none', { text: 'after' }]])
  await room.publisher.publishNow(log)
  await room.publisher.checkAll()
  assert.deepEqual(room.problems, [])
  const published = await room.reader.open(log)
  assert.equal(published?.size, 3)
  const stored = await findEntry(room.storage.reader<never>(), log, before.entryId)
  assert.ok(stored !== null)
  await published.inclusion(0, 3, stored.leaf)
})

for (const ailment of ['is gone', 'hangs'] as const) {
  test(`when the key process ${ailment}, what takes away goes on and says that details were withheld; what grants does not`, { timeout: 20_000 }, async () => {
    const room = await memoryRoom()
    const log = await makeWorkspace(room, [personId(1)])
    await room.recorder.recordChanges([changeOf(log, { writes: [writeGate(gate(log, 1))] })])
    const keyProcess = createInlineKeyProcess(Buffer.alloc(32, 7))
    await keyProcess.close()
    const ailing = openRoom(room.storage, { keyProcess: ailment === 'is gone' ? keyProcess : { ...keyProcess, exportKey: () => new Promise<Buffer>(() => {}) } })
    const details = [{ subject: personId(1), data: { ip: '192.0.2.9' } }]
    const away = await ailing.recorder.recordChanges([changeOf(log, { writes: [writeGate(gate(log, 1, 2, 'shut'))], details, takesAway: true })])
    const { entry } = await entryOf(room, log, away.entryId)
    assert.deepEqual([entry.withheld, entry.details], [true, []])
    assert.equal((await gatesOf(room.storage))[0]?.label, 'shut')
    if (ailment === 'hangs') return
    await assert.rejects(ailing.recorder.recordChanges([changeOf(log, { writes: [writeGate(gate(log, 2))], details })]), { code: 'crypto/key-process-unavailable' })
    assert.equal(await countEntries(room.storage), 2)
  })
}

test('a key that is forgotten while its details wait to be sealed is still the key they are sealed under', async () => {
  const room = await memoryRoom()
  const log = await makeWorkspace(room, [personId(1)])
  const key = await room.subjects.keyToSeal(log, personId(1))
  room.subjects.forget(log, personId(1))
  const again = await room.subjects.keyToOpen(log, personId(1))
  assert.ok(key !== null && again !== null && key.equals(again))
})

test('a key is asked for anew after a minute, so that an erasure on another server counts here too', async () => {
  const room = await memoryRoom()
  const log = await makeWorkspace(room, [personId(1)])
  let nowMs = 0
  const subjects = createSubjects(room.keyring, () => nowMs)
  assert.ok((await subjects.keyToSeal(log, personId(1))) !== null)
  await room.recorder.recordChanges([changeOf(log, { erases: [personId(1)], takesAway: true })])
  assert.equal(await subjects.keyToOpen(log, personId(1)), null)
  assert.ok((await subjects.keyToSeal(log, personId(1))) !== null)
  nowMs = 60_000
  assert.equal(await subjects.keyToSeal(log, personId(1)), null)
})

test('what reaches into another workspace stands in both logs: rows there, the actor\'s details here, and here is what the caller is told of', async () => {
  const room = await memoryRoom()
  const [home, other] = [await makeWorkspace(room, [personId(1)]), await makeWorkspace(room)]
  const act = actOf(home, { caller: callerOf(home) })
  const decision = { ...act.decision, workspaceId: other, writes: [writeGate(gate(other, 1))] }
  const { entryId } = await room.recorder.record({ ...act, decision })
  const here = await entryOf(room, home, entryId)
  assert.deepEqual(here.entry.rows, [])
  assert.equal((await here.dataOf(personId(1)) as { ip: string }).ip, '192.0.2.7')
  const there = await room.storage.reader<{ entries: { stream: string; leaf: Uint8Array } }>().selectFrom('entries').selectAll().where('stream', '=', other).execute()
  const entry = decodeEntry(there[0]?.leaf ?? Buffer.alloc(0))
  assert.deepEqual([there.length, entry?.rows.length, entry?.details, entry?.workspace], [1, 1, [], other])
})

test('deleting a guarded row stands in the entry with an empty digest, and rows without a guard do not', async () => {
  const room = await memoryRoom()
  const log = await makeWorkspace(room)
  await room.recorder.recordChanges([changeOf(log, { writes: [writeGate(gate(log, 1))] })])
  const { entryId } = await room.recorder.recordChanges([changeOf(log, { writes: [{ kind: 'delete', table: gateTable, id: gateId(1), version: 2 }] })])
  const { entry } = await entryOf(room, log, entryId)
  assert.deepEqual(entry.rows, [{ table: 'audit_gates', id: gateId(1), version: 2, digest: '' }])
})

test('the retry of a decision after a conflict has an entry of its own and no trace of the first', async () => {
  const room = await memoryRoom()
  const log = await makeWorkspace(room, [personId(1)])
  const recorder = createRecorder({ ...room, random: systemRandom })
  await recorder.recordChanges([changeOf(log, { writes: [writeGate(gate(log, 1))] })])
  const lost = newId('ent', systemRandom)
  const act = actOf(log, { entryId: lost })
  await assert.rejects(recorder.record({ ...act, decision: { ...act.decision, writes: [writeGate(gate(log, 1))] } }), CommitConflict)
  assert.equal(await findEntry(room.storage.reader<never>(), log, lost), null)
})

test('a decision that has become old is not recorded: it is to be made anew, so that no entry comes long after its time', async () => {
  const storage = await openMemory()
  opened.push(storage)
  let nowMs = 1_800_000_000_000
  const room = openRoom(storage, { wallMs: () => nowMs })
  const log = await makeWorkspace(room, [personId(1)])
  const [young, old] = [actOf(log, { atMs: nowMs }), actOf(log, { atMs: nowMs, entryId: newId('ent', systemRandom) })]
  nowMs += 30_000
  await room.recorder.record(young)
  // The machine sleeps for a while, or its clock is set.
  nowMs += 1
  await assert.rejects(room.recorder.record(old), (error) => error instanceof CommitConflict && error.kind === 'serialization')
  assert.equal(await findEntry(storage.reader<never>(), log, old.entryId), null)
})

/** A recorder whose commits are seen on their way to the database. */
function watched(room: AuditRoom): { readonly recorder: Recorder; readonly commits: Commit[] } {
  const commits: Commit[] = []
  const commit: Storage['commit'] = (one) => {
    commits.push(one)
    return room.storage.commit(one)
  }
  return { commits, recorder: createRecorder({ ...room, random: systemRandom, storage: { ...room.storage, commit } }) }
}

test('a commit counts as taking away only where all of it does, and as erasing where any of it does', async () => {
  const room = await memoryRoom()
  const log = await makeWorkspace(room, [personId(1), personId(2)])
  const { recorder, commits } = watched(room)
  const [gives, takes] = [changeOf(log), changeOf(log, { takesAway: true })]
  const erases = (digit: number) => changeOf(log, { takesAway: true, erases: [personId(digit)] })
  for (const changes of [[gives], [takes], [takes, gives], [takes, takes], [erases(1)], [gives, erases(2)]]) await recorder.recordChanges(changes)
  assert.deepEqual(commits.map(({ takesAway, erases: erased }) => [takesAway, erased]), [[false, false], [true, false], [false, false], [true, false], [true, true], [false, true]])
  await recorder.recordChanges([erases(1)])
  assert.equal(commits.at(-1)?.writes.length, 0, 'there is no key any more that could be destroyed')
})

test('a commit counts on all that the caller and the decision count on, and in another workspace once', async () => {
  const room = await memoryRoom()
  const [home, other] = [await makeWorkspace(room, [personId(1)]), await makeWorkspace(room)]
  await room.recorder.recordChanges([changeOf(home, { writes: [1, 2].map((digit) => writeGate(gate(home, digit))) })])
  const expects = [1, 2].map((digit) => ({ table: gateTable, id: gateId(digit), version: 1 }))
  const { recorder, commits } = watched(room)
  for (const workspaceId of [home, other]) {
    const act = actOf(home, { caller: { ...callerOf(home), expects: [expects[0]!] }, entryId: newId('ent', systemRandom) })
    const { index } = await recorder.record({ ...act, userAgent: '', decision: { ...act.decision, workspaceId, expects: [expects[1]!] } })
    assert.equal(typeof index, 'number')
    assert.deepEqual([commits.at(-1)?.expects, commits.at(-1)?.erases], [expects, false])
  }
  const stale = actOf(home, { caller: { ...callerOf(home), expects: [{ ...expects[0]!, version: 7 }] }, entryId: newId('ent', systemRandom) })
  await assert.rejects(recorder.record(stale), CommitConflict)
  const said = actOf(home, { entryId: newId('ent', systemRandom) })
  const silences = [{ stream: home, from: 0, text: '"operation":"gates.open"' }]
  await assert.rejects(recorder.record({ ...said, decision: { ...said.decision, silences } }), CommitConflict, 'somebody said what nobody was to say')
  const { dataOf } = await entryOf(room, home, commits[0]!.appends[0]!.id)
  assert.deepEqual(await dataOf(personId(1)), { ip: '192.0.2.7', request: 'req_0000000000000001' }, 'a caller that does not say what it is')
})

test('what is said twice about one person is sealed once', async () => {
  const room = await memoryRoom()
  const log = await makeWorkspace(room, [personId(1)])
  const details = [{ subject: personId(1), data: { name: 'Ada' } }, { subject: personId(1), data: { mail: 'ada@example.com' } }]
  const { entryId } = await room.recorder.recordChanges([changeOf(log, { details })])
  const { entry, dataOf } = await entryOf(room, log, entryId)
  assert.equal(entry.details.length, 1)
  assert.deepEqual(await dataOf(personId(1)), { name: 'Ada', mail: 'ada@example.com' })
})
