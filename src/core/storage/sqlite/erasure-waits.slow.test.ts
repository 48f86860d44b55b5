import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { boxTable, insertBox, put, testMigration } from '../conformance/harness.ts'
import { openSqlite } from './open-sqlite.ts'

// A reader is waited for as long as a lock is: seconds.
for (const inline of [false, true]) {
  test(`${inline ? 'in process' : 'in a thread'}: an erasure that a reader is in the way of leaves the files once the reader is gone`, async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'claviger-sqlite-')), 'test.db')
    const storage = await openSqlite({ path, migrations: [testMigration], inline })
    const mark = Buffer.from('the wrapped key of somebody, who wants to be forgotten')
    const hasMark = () => readdirSync(join(path, '..')).some((file) => readFileSync(join(path, '..', file)).includes(mark))
    await put(storage, { writes: [insertBox('a', { content: mark })] })
    const reader = new DatabaseSync(path, { readOnly: true })
    reader.exec('BEGIN')
    reader.prepare('SELECT count(*) FROM boxes').get()
    await put(storage, { writes: [{ kind: 'delete', table: boxTable, id: 'a', version: 2 }], takesAway: true, erases: true })
    assert.equal(hasMark(), true, 'the reader still sees it')
    reader.exec('COMMIT')
    reader.close()
    for (const deadline = Date.now() + 60_000; hasMark() && Date.now() < deadline; ) await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(hasMark(), false)
    await storage.close()
    rmSync(join(path, '..'), { recursive: true })
  })
}
