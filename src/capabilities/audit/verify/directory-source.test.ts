import assert from 'node:assert/strict'
import { appendFileSync, cpSync, globSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { directoryFiles, directorySource } from './directory-source.ts'
import { exportLog } from './export-log.ts'
import { entryOf, memorySource, newTestLog, rowOf } from './fixtures.ts'
import { verifyLog } from './verify-log.ts'

const root = mkdtempSync(join(tmpdir(), 'claviger-log-'))
after(() => rmSync(root, { recursive: true, force: true }))
let count = 0
const newPath = (): string => join(root, String(count++))

async function exported(size = 600): Promise<string> {
  const directory = newPath()
  const report = await exportLog(memorySource(newTestLog(size)), directory)
  assert.equal(report.ok, true)
  return directory
}

async function findingOf(directory: string): Promise<string> {
  const { problems } = await verifyLog(directorySource(directory))
  const [problem] = problems
  return problem === undefined ? 'ok' : `${problem.code} ${problem.place.kind} ${problem.place.name}`.trimEnd()
}

const filesOf = (directory: string): string[] =>
  globSync('**', { cwd: directory }).filter((name) => statSync(join(directory, name)).isFile()).sort()

test('an exported log passes the same check as its source, and is laid out as tlog-tiles says', async () => {
  const directory = await exported()
  const copied = await verifyLog(directorySource(directory))
  const original = await verifyLog(memorySource(newTestLog(600)))
  assert.deepEqual({ ...copied, checkpoint: null, root: null }, { ...original, checkpoint: null, root: null })
  assert.deepEqual(filesOf(directory), [
    'blocks.jsonl', 'checkpoint', 'checkpoint.start', 'checkpoints.jsonl', 'keys', 'leaves.jsonl', 'rows.jsonl',
    'tile/0/000', 'tile/0/001', 'tile/0/002.p/88', 'tile/1/000.p/2', 'tile/entries/000', 'tile/entries/001', 'tile/entries/002.p/88',
  ])
  for (const name of filesOf(directory)) assert.equal(statSync(join(directory, name)).mode & 0o077, 0, name)
})

test('an export can be exported again, byte for byte', async () => {
  const first = await exported(300)
  const second = newPath()
  assert.equal((await exportLog(directorySource(first), second)).ok, true)
  assert.deepEqual(filesOf(second), filesOf(first))
  for (const name of filesOf(first)) assert.ok(readFileSync(join(first, name)).equals(readFileSync(join(second, name))), name)
})

test('what is sealed in blocks of uses does not leave with an export', async () => {
  const directory = await exported(64)
  const lines = readFileSync(join(directory, directoryFiles.blocks), 'utf8').trimEnd().split('\n')
  assert.equal(lines.length, 3)
  for (const line of lines) {
    const { sections } = JSON.parse(line) as { sections: string }
    const text = Buffer.from(sections, 'base64url').toString()
    assert.ok(text.includes('con_0123456789abcdef') && !text.includes('sealed'))
  }
})

test('nothing is ever overwritten', async () => {
  const directory = await exported(5)
  await assert.rejects(exportLog(memorySource(newTestLog(5)), directory), { code: 'EEXIST' })
  const other = newPath()
  cpSync(join(directory, directoryFiles.checkpoint), join(other, directoryFiles.checkpoint), { recursive: true })
  await assert.rejects(exportLog(memorySource(newTestLog(5)), other), { code: 'EEXIST' })
})

test('a log that is wrong is copied up to what is wrong, and the copy shows it', async () => {
  const log = newTestLog(300)
  log.rows[3] = rowOf('key_03', 1).record
  const directory = newPath()
  const report = await exportLog(memorySource(log), directory)
  assert.equal(report.problems[0]?.code, 'row-rolled-back')
  assert.equal(await findingOf(directory), 'row-rolled-back row keys/key_03')
})

test('entries that no checkpoint covers are copied too', async () => {
  const log = newTestLog(300)
  const { record, mark } = rowOf('key_new', 1)
  log.leaves = [entryOf(300, { rows: [mark] }), entryOf(301)]
  log.rows.push(record)
  const directory = newPath()
  await exportLog(memorySource(log), directory)
  const report = await verifyLog(directorySource(directory))
  assert.equal(report.ok, true)
  assert.equal(report.counts.unpublished, 2)
})

test('a log that grew while it was copied is checked as it was read', async () => {
  const [before, after300] = [newTestLog(290), newTestLog(300)]
  let asked = 0
  const source = memorySource(after300, { isLive: true, checkpoint: () => Promise.resolve(asked++ === 0 ? before.checkpoint : after300.checkpoint) })
  const directory = newPath()
  assert.equal((await exportLog(source, directory)).ok, true)
  const report = await verifyLog(directorySource(directory))
  assert.deepEqual([report.ok, report.rowsFrom, report.size], [true, 290, 300])
})

test('files that are missing, cut short, too long or spelt otherwise are named', async () => {
  const changes: [string, (path: string) => void, string][] = [
    ['keys', unlinkSync, 'keys-malformed file keys'],
    ['keys', (path) => truncateSync(path, 100), 'keys-malformed file keys'],
    ['keys', (path) => appendFileSync(path, '\n'), 'keys-malformed log'],
    ['checkpoint', unlinkSync, 'checkpoint-missing log'],
    ['checkpoint.start', unlinkSync, 'checkpoint-missing log'],
    ['checkpoint', (path) => appendFileSync(path, 'x'.repeat(600_000)), 'checkpoint-malformed file checkpoint'],
    ['rows.jsonl', unlinkSync, 'source-malformed file rows.jsonl'],
    ['blocks.jsonl', unlinkSync, 'source-malformed file blocks.jsonl'],
    ['checkpoints.jsonl', unlinkSync, 'source-malformed file checkpoints.jsonl'],
    ['leaves.jsonl', unlinkSync, 'source-malformed file leaves.jsonl'],
    ['rows.jsonl', (path) => truncateSync(path, statSync(path).size - 1), 'source-malformed file rows.jsonl:9'],
    ['rows.jsonl', (path) => appendFileSync(path, '\n'), 'source-malformed file rows.jsonl:10'],
    ['rows.jsonl', (path) => appendFileSync(path, '{}\n'), 'source-malformed file rows.jsonl:10'],
    ['rows.jsonl', (path) => writeFileSync(path, readFileSync(path, 'utf8').replace('"id":', '"id": ')), 'source-malformed file rows.jsonl:1'],
    ['rows.jsonl', (path) => writeFileSync(path, readFileSync(path, 'utf8').replace('{"head"', '{"extra":1,"head"')), 'source-malformed file rows.jsonl:1'],
    ['blocks.jsonl', (path) => writeFileSync(path, readFileSync(path, 'utf8').replace('"uses":7', '"uses":7.0')), 'source-malformed file blocks.jsonl:1'],
    ['leaves.jsonl', (path) => writeFileSync(path, '{"index":301,"leaf":""}\n'), 'source-malformed file leaves.jsonl'],
    ['leaves.jsonl', (path) => writeFileSync(path, '{"index":300,"leaf":"e30"}\n'), 'entry-malformed entry 300'],
    ['tile/0/000', unlinkSync, 'tile-missing tile tile/0/000'],
    ['tile/0/001.p/44', (path) => truncateSync(path, 1000), 'tile-malformed tile tile/0/001.p/44'],
    ['tile/entries/001.p/44', (path) => truncateSync(path, 0), 'bundle-malformed tile tile/entries/001.p/44'],
    ['tile/entries/000', (path) => truncateSync(path, 17 * 2 ** 20), 'bundle-malformed tile tile/entries/000'],
    ['tile/0/000', (path) => truncateSync(path, 17 * 2 ** 20), 'tile-malformed tile tile/0/000'],
  ]
  for (const [name, change, expected] of changes) {
    const directory = await exported(300)
    change(join(directory, name))
    assert.equal(await findingOf(directory), expected, `${name}: ${expected}`)
  }
})

test('a directory that is none shows no keys', async () => {
  assert.equal(await findingOf(join(root, 'nowhere')), 'keys-malformed file keys')
})

test('nothing but tiles is handed out as a tile, wherever a path leads', async () => {
  const source = directorySource(await exported(5))
  for (const path of ['keys', 'rows.jsonl', 'tile', 'tile/0/../../keys', '../keys', join(root, 'keys'), '']) assert.equal(await source.tile(path), null, path)
  assert.equal((await source.tile('tile/0/000.p/5'))?.length, 5 * 32)
  assert.equal(source.isLive, false)
})

test('what cannot be read is not called wrong', async () => {
  await assert.rejects(directorySource(join(root, 'x'.repeat(5_000))).vkeys(), { code: 'ENAMETOOLONG' })
})

test('an export is its owner\'s only, in a directory that need not be there yet', async () => {
  const directory = join(newPath(), 'of', 'today')
  assert.equal((await exportLog(memorySource(newTestLog(5)), directory)).ok, true)
  assert.equal(statSync(directory).mode & 0o777, 0o700)
  for (const name of filesOf(directory)) assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name)
})

test('a log that was never published, or whose newest entries nobody shows, is copied like any other', async () => {
  const entries = newTestLog(1).entries
  const unpublished = { ...newTestLog(1), entries: [], leaves: entries, history: [], checkpoint: null }
  const directory = newPath()
  assert.equal((await exportLog(memorySource(unpublished), directory)).ok, true)
  assert.equal(await findingOf(directory), 'ok')
  assert.ok(!filesOf(directory).includes('checkpoint') && !filesOf(directory).includes('checkpoint.start'))
  const { leaves: _, ...blind } = memorySource(newTestLog(5))
  const other = newPath()
  assert.equal((await exportLog(blind, other)).ok, true)
  assert.equal(await findingOf(other), 'ok')
})

test('a copy of a copy says when its rows were read as the first one does; of a log that grows, no entry is copied before it is published', async () => {
  const [before, after300] = [newTestLog(290), newTestLog(300)]
  let asked = 0
  const growing = memorySource({ ...after300, leaves: [] }, {
    isLive: true,
    checkpoint: () => Promise.resolve(asked++ === 0 ? before.checkpoint : after300.checkpoint),
    async *leaves(from) {
      yield* await Promise.resolve(after300.entries.slice(from))
    },
  })
  const [first, second] = [newPath(), newPath()]
  assert.equal((await exportLog(growing, first)).ok, true)
  assert.equal(readFileSync(join(first, directoryFiles.leaves), 'utf8'), '')
  assert.equal((await exportLog(directorySource(first), second)).ok, true)
  for (const name of ['checkpoint', 'checkpoint.start']) assert.equal(readFileSync(join(second, name), 'utf8'), readFileSync(join(first, name), 'utf8'))
  assert.notEqual(readFileSync(join(second, 'checkpoint'), 'utf8'), readFileSync(join(second, 'checkpoint.start'), 'utf8'))
})
