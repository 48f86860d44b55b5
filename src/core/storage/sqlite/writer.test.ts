import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { CommitPlan } from '../plan.ts'
import { isFailure, type Outcome } from './applier.ts'
import { createThreadWriter } from './writer.ts'

const plan: CommitPlan = { atMs: 1, takesAway: true, erases: false, steps: [], appends: [] }

test('a writer whose thread has ended refuses what waits and what comes, says that memory is not to be relied on, and closes', async () => {
  const outcomes: Outcome[] = []
  const told = Promise.withResolvers<void>()
  let foreignWrites = 0
  const path = join(tmpdir(), `claviger-missing-${process.pid}`, 'test.db')
  const writer = createThreadWriter(path, {
    onOutcome(outcome) {
      outcomes.push(outcome)
      if (outcomes.length === 2) told.resolve()
    },
    onForeignWrite: () => void foreignWrites++,
  })
  writer.write(plan)
  writer.write(plan)
  await told.promise
  // They may have been applied all the same, so nobody may rely on what is remembered of before.
  assert.equal(foreignWrites, 1)
  writer.write(plan)
  assert.equal(outcomes.length, 3)
  for (const outcome of outcomes) assert.ok(isFailure(outcome) && outcome.kind === 'unavailable')
  assert.equal(writer.broken()?.kind, 'unavailable')
  await writer.close()
})
