import assert from 'node:assert/strict'
import { test } from 'node:test'
import { subjectKey } from '#core/keyring/keyring'
import { emptyCommit } from '#core/storage/commit'
import { makeWorkspace, openMemory, openRoom } from './fixtures.ts'
import { createSubjects, keptKeysMax } from './subjects.ts'

test('at most 10,000 keys are kept for sealing: the oldest gives way, and is read again when it is wanted', async () => {
  assert.equal(keptKeysMax, 10_000)
  const storage = await openMemory()
  try {
    const { keyring } = openRoom(storage)
    const log = await makeWorkspace(openRoom(storage))
    const person = (nth: number): string => `prn_${String(nth).padStart(16, '0')}`
    const draft = keyring.draft()
    for (let nth = 0; nth <= keptKeysMax; nth++) await draft.create(subjectKey(log, person(nth)))
    await storage.commit({ ...emptyCommit, writes: draft.writes })
    // A clock that stands still: no key is let go for its age.
    const subjects = createSubjects(keyring, () => 0)
    const keyOf = (nth: number) => subjects.keyToSeal(log, person(nth))
    const [first, second] = [await keyOf(0), await keyOf(1)]
    for (let nth = 2; nth < keptKeysMax; nth++) await keyOf(nth)
    assert.ok(first !== null && first === (await keyOf(0)), 'as many as fit')
    await keyOf(keptKeysMax)
    const again = await keyOf(0)
    assert.ok(again !== null && again !== first, 'it was read again')
    assert.notEqual(await keyOf(1), second, 'and pushed the next one out')
  } finally {
    await storage.close()
  }
})
