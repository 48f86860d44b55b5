import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { systemRandom } from '#core/crypto/random'
import type { Storage } from '#core/storage/storage'
import { changeOf, makeWorkspace, openMemory, openRoom, personId } from './fixtures.ts'
import { createSectionSealer, sectionsCommitment } from './sections.ts'

const opened: Storage[] = []
afterEach(async () => {
  for (const storage of opened.splice(0)) await storage.close()
})

async function sealer() {
  const storage = await openMemory()
  opened.push(storage)
  const room = openRoom(storage)
  const log = await makeWorkspace(room, [personId(1), personId(2)])
  const sections = createSectionSealer(room.subjects, systemRandom)
  const { bytes, commitment } = await sections.seal(log, 'blk_1', [{ subject: personId(1), text: 'one\n' }, { subject: personId(2), text: 'two\n' }, { subject: personId(3), text: 'erased before\n' }])
  return { room, log, sections, sealed: { bytes: Buffer.from(bytes), commitment } }
}

test('sections open again, each under its own subject; of the erased nothing is left, and the commitment stays', async () => {
  const { room, log, sections, sealed } = await sealer()
  assert.deepEqual(await sections.open(log, 'blk_1', sealed.bytes), [{ subject: personId(1), text: 'one\n' }, { subject: personId(2), text: 'two\n' }])
  assert.ok(!sealed.bytes.includes('one\n') && !sealed.bytes.includes('erased before'))
  await room.recorder.recordChanges([changeOf(log, { erases: [personId(1)], takesAway: true })])
  assert.deepEqual(await sections.open(log, 'blk_1', sealed.bytes), [{ subject: personId(2), text: 'two\n' }])
  assert.equal(sectionsCommitment(sealed.bytes), sealed.commitment)
})

test('one subject\'s section is opened alone, and sealing says whether somebody had been erased', async () => {
  const { log, sections, sealed } = await sealer()
  assert.deepEqual(await sections.open(log, 'blk_1', sealed.bytes, personId(2)), [{ subject: personId(2), text: 'two\n' }])
  assert.deepEqual(await sections.open(log, 'blk_1', sealed.bytes, personId(3)), [])
  const one = { subject: personId(1), text: 'one\n' }
  const erased = { subject: personId(3), text: 'erased before\n' }
  const said = []
  for (const parts of [[one], [erased], [one, erased]]) said.push((await sections.seal(log, 'blk_2', parts)).hasErased)
  assert.deepEqual(said, [false, true, true])
})

test('bytes that are no sections, or whose text was not sealed here, count as tampered with', async () => {
  const { log, sections, sealed } = await sealer()
  for (const text of ['what somebody wrote', '', '5', 'null', '{}', '[5]', '[null]', '[{}]', '[{"mark":null,"detail":null}]', '[{"mark":{"subject":5,"commitment":""},"detail":null}]']) {
    await assert.rejects(sections.open(log, 'blk_1', Buffer.from(text)), { code: 'storage/tampered' }, text)
  }
  const list = JSON.parse(sealed.bytes.toString('utf8')) as { detail: { sealed: string } | null }[]
  await assert.rejects(sections.open(log, 'blk_1', Buffer.from(JSON.stringify([...list, 5]))), { code: 'storage/tampered' })
  const [first, second] = list as [{ detail: { sealed: string } }, { detail: { sealed: string } }]
  first.detail = second.detail
  await assert.rejects(sections.open(log, 'blk_1', Buffer.from(JSON.stringify(list))), { code: 'storage/tampered' })
})

test('a section that was altered, or moved to another block, counts as tampered with', async () => {
  const { log, sections, sealed } = await sealer()
  await assert.rejects(sections.open(log, 'blk_2', sealed.bytes), { code: 'storage/tampered' })
  const list = JSON.parse(sealed.bytes.toString('utf8')) as [{ mark: { commitment: string } }, { mark: { commitment: string } }]
  const commitments = list.map((section) => section.mark.commitment)
  list[0].mark.commitment = commitments[1] as string
  const altered = Buffer.from(JSON.stringify(list), 'utf8')
  await assert.rejects(sections.open(log, 'blk_1', altered), { code: 'storage/tampered' })
  assert.notEqual(sectionsCommitment(altered), sealed.commitment)
})

test('equal data has different commitments, so that nobody can guess it from the leaf', async () => {
  const { log, sections, sealed } = await sealer()
  const again = await sections.seal(log, 'blk_1', [{ subject: personId(1), text: 'one\n' }, { subject: personId(2), text: 'two\n' }])
  assert.notEqual(again.commitment, sealed.commitment)
})
