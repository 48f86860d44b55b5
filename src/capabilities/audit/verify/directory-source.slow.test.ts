/** Exhaustive; the quick ones are in `directory-source.test.ts`. */
import assert from 'node:assert/strict'
import { globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { directorySource } from './directory-source.ts'
import { exportLog } from './export-log.ts'
import { memorySource, newTestLog } from './fixtures.ts'
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

test('one flipped bit, in any file of an export, is found', async () => {
  const directory = await exported(300)
  const files = filesOf(directory).filter((name) => statSync(join(directory, name)).size > 0)
  assert.deepEqual(files.length, 11)
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...files), fc.nat(), fc.nat({ max: 7 }), async (name, anyAt, bit) => {
      const path = join(directory, name)
      const before = readFileSync(path)
      const changed = Buffer.from(before)
      changed[anyAt % changed.length]! ^= 1 << bit
      writeFileSync(path, changed)
      const found = await findingOf(directory)
      writeFileSync(path, before)
      assert.notEqual(found, 'ok')
    }),
    { numRuns: 300 },
  )
  assert.equal(await findingOf(directory), 'ok')
})
