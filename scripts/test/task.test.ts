/** The runner itself: whatever goes wrong with a process of tests is a failure, and nothing passes by being absent. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { planOf } from './plan.ts'
import { runTask, type Outcome } from './task.ts'

const folder = mkdtempSync(join(tmpdir(), 'claviger-runner-'))
after(() => rmSync(folder, { recursive: true }))

let files = 0

function run(source: string, deadlineMs = 60_000): Promise<Outcome> {
  const file = join(folder, `case-${++files}.test.ts`)
  writeFileSync(file, `import test, { suite } from 'node:test'\n${source}\n`)
  return runTask({ kind: 'tests', name: 'the case', files: [file] }, { folder, env: { GIVEN: 'yes' }, deadlineMs, note() {} })
}

test('what passes, fails and is skipped is counted, with names, errors and reasons', async () => {
  const { passed, failures, skipped } = await run(`
    test('good', () => { if (process.env.GIVEN !== 'yes') throw new Error('nothing given') })
    suite('many', () => { test('bad', () => { throw new Error('because') }) })
    test('left out', { skip: 'no network' }, () => {})
    test('later', { todo: 'soon' }, () => {})`)
  assert.equal(passed, 1)
  assert.deepEqual(failures.map(({ name }) => name), ['many › bad'])
  assert.match(failures[0]?.text ?? '', /because/)
  assert.match(failures[0]?.place ?? '', /case-\d+\.test\.ts:\d+$/)
  assert.deepEqual(skipped, [{ name: 'left out', reason: 'no network' }, { name: 'later', reason: 'to do: soon' }])
})

test('a process without a test, one that ends early, one that does not load and one that fails after its tests are failures', async () => {
  const reasons = async (source: string) => (await run(source)).failures.map(({ text }) => text)
  assert.deepEqual(await reasons(''), ['There is not one test in it.'])
  assert.match((await reasons(`test('one', () => {}); test('two', () => process.exit(0))`))[0] ?? '', /^The process ended early, with code 0\./)
  assert.match((await reasons(`throw new Error('broken')`)).join(), /broken/)
  assert.match((await reasons(`test('one', () => { setTimeout(() => { throw new Error('late') }, 50) })`)).join(), /late/)
})

test('a process that hangs is ended, and the test that hung is named', async () => {
  const { failures } = await run(`test('endless', () => new Promise(() => setInterval(() => {}, 100)))`, 1_500)
  assert.match(failures[0]?.text ?? '', /Still running after .* The last test that is known to have started: endless\./)
})

test('a tool that fails is one failure with all that it said', async () => {
  const of = (code: number) => runTask({ kind: 'tool', name: 'tool', command: ['sh', '-c', `echo said; exit ${code}`] }, { folder, env: {}, deadlineMs: 60_000, note() {} })
  assert.deepEqual((await of(1)).failures, [{ name: 'tool', place: `sh -c echo said; exit 1`, text: 'said' }])
  assert.equal((await of(0)).passed, 1)
})

test('every test file is in exactly one group, and those marked slow are left to `npm test`', () => {
  const filesOf = (extent: 'check' | 'all') => planOf(extent).flatMap(({ tasks }) => tasks.flatMap((task) => (task.kind === 'tests' ? task.files : [])))
  const [check, all] = [filesOf('check'), filesOf('all')]
  assert.equal(new Set(all).size, all.length)
  assert.deepEqual(check.filter((file) => file.endsWith('.slow.test.ts')), [])
  assert.ok(all.includes('tests/laws-postgres.slow.test.ts') && all.includes('scripts/test/task.test.ts') && check.every((file) => all.includes(file)))
})
