import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openDurations } from './durations.ts'
import type { Task } from './plan.ts'

const folder = mkdtempSync(join(tmpdir(), 'claviger-durations-'))
after(() => rmSync(folder, { recursive: true }))

const item = (name: string): { task: Task } => ({ task: { kind: 'tests', name, files: [] } })
const tasks = ['short', 'new', 'long'].map(item)
const namesIn = (path: string): string[] => openDurations(path).order(tasks).map(({ task }) => task.name)

test('what took longest the last time begins first, after what was never run', () => {
  const path = join(folder, 'cache/durations.json')
  assert.deepEqual(namesIn(path), ['short', 'new', 'long'])
  const durations = openDurations(path)
  durations.note(item('short').task, 10)
  durations.note(item('long').task, 2_000)
  durations.keep()
  assert.deepEqual(namesIn(path), ['new', 'long', 'short'])
})

test('a file of durations that is damaged is as none', () => {
  const path = join(folder, 'torn.json')
  for (const text of ['{"long": 20', '"text"', 'null']) {
    writeFileSync(path, text)
    assert.deepEqual(namesIn(path), ['short', 'new', 'long'])
  }
})
