import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { LineWriter, readLines } from './text-files.ts'

const root = mkdtempSync(join(tmpdir(), 'claviger-lines-'))
after(() => rmSync(root, { recursive: true, force: true }))
const path = (name: string): string => join(root, name)

async function linesOf(file: string): Promise<{ text: string; place: string }[]> {
  const lines = []
  for await (const { line, place } of readLines(file, 'lines')) lines.push({ text: line.toString('utf8'), place })
  return lines
}

test('lines are read as they were written, whatever their length and that of the file, each with its place', async () => {
  // Around what is read and written at once, so that lines begin, end and go on there.
  const lengths = [0, 1, 65_534, 0, 65_535, 65_536, 65_537, 3, 200_000, 131_071, 0, 5]
  const written = lengths.map((length, at) => String(at % 10).repeat(length))
  const writer = await LineWriter.create(path('whole'))
  for (const line of written) await writer.write(line)
  await writer.close()
  assert.equal(readFileSync(path('whole'), 'utf8'), written.map((line) => `${line}\n`).join(''))
  assert.deepEqual(await linesOf(path('whole')), written.map((text, at) => ({ text, place: `lines:${at + 1}` })))
})

test('what is written is its owner\'s only, is on disk long before the end, and never takes the place of another file', async () => {
  const writer = await LineWriter.create(path('new'))
  assert.equal(statSync(path('new')).mode & 0o777, 0o600)
  await writer.write('x'.repeat(100_000))
  assert.equal(statSync(path('new')).size, 100_001)
  await writer.close()
  await assert.rejects(LineWriter.create(path('new')), { code: 'EEXIST' })
})

test('a file without lines has none, and one whose last line does not end is cut short', async () => {
  writeFileSync(path('empty'), '')
  assert.deepEqual(await linesOf(path('empty')), [])
  for (const [text, place] of [['a', 'lines:1'], ['a\nb', 'lines:2'], [`${'x\n'.repeat(50_000)}y`, 'lines:50001']] as const) {
    writeFileSync(path('cut'), text)
    await assert.rejects(linesOf(path('cut')), { code: 'source-malformed', place: { kind: 'file', name: place } })
  }
})
