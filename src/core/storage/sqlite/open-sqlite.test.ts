import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, test } from 'node:test'
import { promisify } from 'node:util'
import { boxesOf, boxTable, put, conflict, entry, insertBox, testMigration, updateBox } from '../conformance/harness.ts'
import type { Storage } from '../storage.ts'
import { openSqlite } from './open-sqlite.ts'

const directories: string[] = []
const storages: Storage[] = []

function newPath(): string {
  const directory = mkdtempSync(join(tmpdir(), 'claviger-sqlite-'))
  directories.push(directory)
  return join(directory, 'test.db')
}

async function open(path: string, inline = false): Promise<Storage> {
  const storage = await openSqlite({ path, migrations: [testMigration], inline })
  storages.push(storage)
  return storage
}

afterEach(async () => {
  for (const storage of storages.splice(0)) await storage.close()
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true })
})

test('a database in memory works like one in a file, in process', async () => {
  const storage = await open(':memory:')
  const { indexes } = await put(storage, { writes: [insertBox('a')], appends: [entry('ent_1'), entry('ent_2')] })
  assert.deepEqual(indexes, [0, 1])
  assert.equal((await boxesOf(storage)).length, 1)
})

test('in process, a commit has happened when the call returns', async () => {
  const storage = await open(':memory:')
  let heard = 0
  storage.onCommitted(() => (heard += 1))
  const committed = put(storage, { writes: [insertBox('a')] })
  assert.equal(heard, 1)
  await committed
})

test('every file is readable by its owner only, also one that was there before', async () => {
  const path = newPath()
  writeFileSync(path, '')
  chmodSync(path, 0o644)
  const storage = await open(path)
  await put(storage, { writes: [insertBox('a')] })
  const files = readdirSync(join(path, '..'))
  assert.deepEqual(files.sort(), ['test.db', 'test.db-shm', 'test.db-wal', 'test.db.lock', 'test.db.reserve'])
  for (const file of files) assert.equal(statSync(join(path, '..', file)).mode & 0o777, 0o600, file)
})

test('a second server on the same database is refused until the first has closed', async () => {
  const path = newPath()
  const first = await open(path)
  await assert.rejects(open(path), { code: 'storage/locked' })
  const program = `import { openSqlite } from ${JSON.stringify(new URL('./open-sqlite.ts', import.meta.url).href)}
    const opened = openSqlite({ path: ${JSON.stringify(path)}, migrations: [] })
    await opened.then(() => console.log('open'), (error) => console.log(error.code))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program])
  assert.equal(stdout.trim(), 'storage/locked')
  // Whoever was turned away took nothing of the first one's lock with it.
  await assert.rejects(open(path), { code: 'storage/locked' })
  await first.close()
  await open(path)
})

for (const inline of [false, true]) {
  test(`S11: ${inline ? 'in process' : 'in a thread'}, what was erased and lies in the log of a server that was killed leaves it after the next start`, async () => {
    const [killed, path] = [newPath(), newPath()]
    const mark = Buffer.from('the name of somebody, who was forgotten just before the power failed')
    const before = await open(killed, inline)
    await put(before, { writes: [insertBox('a', { content: mark })] })
    await put(before, { writes: [updateBox('a', 2, { content: null })] })
    for (const file of ['', '-wal']) copyFileSync(killed + file, path + file)
    // A backup that is being made keeps the start from moving the log; so does a full disk.
    const backup = new DatabaseSync(path, { readOnly: true })
    backup.exec('BEGIN; SELECT count(*) FROM boxes')
    await open(path, inline)
    assert.ok(readFileSync(`${path}-wal`).includes(mark))
    backup.close()
    await until(async () => !readFileSync(`${path}-wal`).includes(mark))
  })
}

for (const inline of [false, true]) {
  const where = inline ? 'in process' : 'in its thread'

  test(`${where}: somebody else's write is noticed when idle, and by a commit before it is acknowledged`, async () => {
    const path = newPath()
    const storage = await open(path, inline)
    const heard: string[] = []
    const noticed = new Promise<void>((resolve) => storage.onForeignWrite(() => (heard.push('foreign'), resolve())))
    storage.onCommitted(() => heard.push('committed'))
    await put(storage, { writes: [insertBox('a')], appends: [entry('ent_1')] })
    const stranger = new DatabaseSync(path)
    stranger.exec(`UPDATE boxes SET label = 'theirs'`)
    const waiting = setTimeout(() => {}, 5_000)
    await noticed
    clearTimeout(waiting)
    stranger.exec(`INSERT INTO entries VALUES ('wsp_a', 1, 'ent_theirs', 1, '', x'', x'')`)
    const { indexes } = await put(storage, { appends: [entry('ent_2')] })
    assert.deepEqual([heard, indexes], [['committed', 'foreign', 'foreign', 'committed'], [2]])
    stranger.close()
  })
}

test('its own commits are never taken for somebody else\'s', async () => {
  const storage = await open(newPath())
  storage.onForeignWrite(() => assert.fail('nobody else has written'))
  for (let turn = 0; turn < 5; turn++) {
    await put(storage, { writes: [insertBox(`box${turn}`)] })
    await new Promise((resolve) => setTimeout(resolve, 60))
  }
})

test('at most 8,192 commits wait; the next is told that the server is busy', async () => {
  const storage = await open(newPath())
  const commits = Array.from({ length: 8_200 }, (_, index) => put(storage, { appends: [entry(`ent_${index}`)] }))
  const outcomes = await Promise.allSettled(commits)
  const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []))
  assert.deepEqual(refused, Array.from({ length: 8 }, () => 'storage/busy'))
  assert.deepEqual((await put(storage, { appends: [entry('ent_last')] })).indexes, [8_192])
})

test('however many logs there are, each has the next index: also those whose last one is not remembered any more', async () => {
  const storage = await open(newPath())
  const streams = Array.from({ length: 10_050 }, (_, nth) => `wsp_${nth}`)
  for (let round = 0; round < 2; round++) {
    for (let from = 0; from < streams.length; from += 1_000) {
      const appends = streams.slice(from, from + 1_000).flatMap((stream) => [0, 1].map((nth) => ({ ...entry(`ent_${stream}_${round}_${nth}`), stream })))
      const { indexes } = await put(storage, { appends })
      assert.deepEqual(indexes, appends.map((_, at) => 2 * round + (at % 2)))
    }
  }
})

test('among many commits of one flush, those that fail half-way are undone and the others are not', async () => {
  const storage = await open(newPath())
  await put(storage, { writes: [insertBox('taken')] })
  const outcomes = await Promise.allSettled(
    Array.from({ length: 200 }, (_, index) => {
      const doomed = index % 7 === 3 ? [updateBox('taken', 9)] : []
      return put(storage, { writes: [insertBox(`box${index}`), ...doomed], appends: [entry(`ent_${index}`)] })
    }),
  )
  const indexes = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value.indexes : []))
  assert.deepEqual(indexes, indexes.map((_, index) => index))
  assert.equal(indexes.length, 200 - 29)
  assert.equal((await boxesOf(storage)).length, 1 + 200 - 29)
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  assert.ok(failed?.status === 'rejected' && conflict('version', 'boxes')(failed.reason))
})

test('a file that is no database is refused as damaged', async () => {
  const path = newPath()
  writeFileSync(path, 'this is not a database, and it is long enough to be looked at. '.repeat(100))
  await assert.rejects(open(path), { code: 'storage/corrupt' })
})

test('damage inside a database is reported by reads and by commits, and never as something else', async () => {
  const path = newPath()
  const first = await open(path)
  const content = Buffer.alloc(3_000, 7)
  await put(first, { writes: Array.from({ length: 50 }, (_, index) => insertBox(`box${index}`, { content })) })
  await first.close()
  const file = new DatabaseSync(path)
  const page = Number(file.prepare(`SELECT rootpage FROM sqlite_schema WHERE name = 'boxes'`).get()?.['rootpage'])
  const size = Number(file.prepare('PRAGMA page_size').get()?.['page_size'])
  file.close()
  writeFileSync(path, readFileSync(path).fill(0xee, (page - 1) * size, page * size))
  const storage = await open(path)
  await assert.rejects(boxesOf(storage), { code: 'storage/corrupt' })
  await assert.rejects(put(storage, { writes: [updateBox('box7', 2)] }), { code: 'storage/corrupt' })
})

test('an erasure that writes nothing holds nobody up: what was deleted before leaves the files a moment later', async () => {
  const path = newPath()
  const storage = await open(path, true)
  const mark = Buffer.from('where somebody came from, who wants to be forgotten')
  const hasMark = () => readdirSync(join(path, '..')).some((file) => readFileSync(join(path, '..', file)).includes(mark))
  await put(storage, { writes: [insertBox('a', { content: mark })] })
  await put(storage, { writes: [{ kind: 'delete', table: boxTable, id: 'a', version: 2 }] })
  const asked = put(storage, { erases: true })
  assert.equal(hasMark(), true, 'the log was not moved while others wait to write')
  await asked
  for (const deadline = Date.now() + 60_000; hasMark() && Date.now() < deadline; ) await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(hasMark(), false)
})

for (const inline of [false, true]) {
  test(`${inline ? 'in process' : 'in a thread'}: what an erasure deletes is in no file any more when it is told to be done`, async () => {
    const path = newPath()
    const storage = await open(path, inline)
    const mark = Buffer.from('the wrapped key of somebody, who wants to be forgotten')
    const filesWithMark = () => readdirSync(join(path, '..')).filter((file) => readFileSync(join(path, '..', file)).includes(mark))
    await put(storage, { writes: [insertBox('a', { content: mark }), insertBox('b', { content: mark })] })
    assert.deepEqual(filesWithMark(), ['test.db-wal'])
    await put(storage, { writes: [{ kind: 'delete', table: boxTable, id: 'a', version: 2 }, updateBox('b', 2, { content: null })], takesAway: true, erases: true })
    assert.deepEqual(filesWithMark(), [])
  })
}

for (const inline of [false, true]) {
  const where = inline ? 'in process' : 'in a thread'
  for (const [file, act] of [['', 'removed'], ['', 'replaced'], ['-wal', 'removed']] as const) {
    test(`S3: ${where}, nothing is acknowledged that lies in a file that was ${act}: the database${file}`, async () => {
      const path = newPath()
      const storage = await open(path, inline)
      await put(storage, { writes: [insertBox('a')] })
      let dropped = 0
      storage.onForeignWrite(() => (dropped += 1))
      const aside = `${path}-aside`
      renameSync(path + file, aside)
      if (act === 'replaced') copyFileSync(aside, path + file)
      await assert.rejects(put(storage, { writes: [insertBox('b')], takesAway: true }), { code: 'storage/unavailable' })
      assert.ok(dropped > 0, 'what is held in memory is dropped')
      // Put back, it is the same file, with what was written to it and was not acknowledged.
      renameSync(aside, path + file)
      await put(storage, { writes: [insertBox('c')] })
      assert.equal((await boxesOf(storage)).length, 3)
    })
  }
}

for (const inline of [false, true]) {
  const where = inline ? 'in process' : 'in a thread'

  test(`S3: ${where}, a backup that is put in the place of a database in use is not mixed with the log of the other`, async () => {
    const path = newPath()
    const storage = await open(path, inline)
    await put(storage, { writes: [insertBox('a')] })
    const reader = new DatabaseSync(path, { readOnly: true })
    reader.prepare('VACUUM INTO ?').run(`${path}-backup`)
    reader.close()
    await put(storage, { writes: [insertBox('b', { content: Buffer.alloc(100_000, 7) })] })
    renameSync(path, `${path}-aside`)
    renameSync(`${path}-backup`, path)
    if (inline) await assert.rejects(put(storage, { writes: [insertBox('c')] }), { code: 'storage/unavailable' })
    // As after a kill: nobody has closed anything.
    await until(async () => statSync(`${path}-wal`).size === 0)
    await storage.close()
    assert.deepEqual((await boxesOf(await open(path, inline))).map(({ id }) => id), ['a'])
    const aside = await boxesOf(await open(`${path}-aside`, inline))
    assert.deepEqual(aside.map(({ id }) => id).slice(0, 2), ['a', 'b'], 'what was acknowledged is in the file that was taken away')
  })

  test(`S3: ${where}, where the path is a link, the log beside what it leads to is looked at`, async () => {
    const [path, link] = [newPath(), newPath()]
    writeFileSync(path, '')
    symlinkSync(path, link)
    const storage = await open(link, inline)
    await put(storage, { writes: [insertBox('a')] })
    renameSync(`${path}-wal`, `${path}-aside`)
    await assert.rejects(put(storage, { writes: [insertBox('b')] }), { code: 'storage/unavailable' })
  })

  test(`S3: ${where}, while a file cannot be looked at nothing is acknowledged, and it goes on when it can`, async () => {
    const path = newPath()
    const storage = await open(path, inline)
    await put(storage, { writes: [insertBox('a')] })
    const directory = dirname(path)
    renameSync(directory, `${directory}-aside`)
    symlinkSync(directory, directory)
    await assert.rejects(put(storage, { writes: [insertBox('b')] }), { code: 'storage/unavailable' })
    rmSync(directory)
    renameSync(`${directory}-aside`, directory)
    await put(storage, { writes: [insertBox('c')] })
  })
}

test('S3: a database that is gone is not made anew where it was in use', async () => {
  for (const left of ['.reserve', '-wal']) {
    const path = newPath()
    const storage = await open(path)
    await put(storage, { writes: [insertBox('a')] })
    await storage.close()
    renameSync(path, `${path}-aside`)
    rmSync(`${path}.reserve`)
    writeFileSync(path + left, '')
    await assert.rejects(open(path), { code: 'storage/missing', message: /take .*-wal .* away first/ })
    assert.ok(!readdirSync(dirname(path)).includes(basename(path)), 'nothing was made')
    renameSync(`${path}-aside`, path)
    assert.equal((await boxesOf(await open(path))).length, 1)
  }
})

test('a database that was removed is reported by the probe, and one that was put back is well', async () => {
  const path = newPath()
  const storage = await open(path)
  await put(storage, { writes: [insertBox('a')] })
  await storage.probe()
  renameSync(path, `${path}-aside`)
  await until(() => storage.probe().then(() => false, (error: { code?: string }) => error.code === 'storage/unavailable'))
  renameSync(`${path}-aside`, path)
  await until(() => storage.probe().then(() => true, () => false))
})

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 30_000; !(await holds()); ) {
    assert.ok(Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
