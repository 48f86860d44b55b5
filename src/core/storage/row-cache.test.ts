import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '#core/crypto/random'
import { doorTable, put, testMigration, type DoorRow, type TestTables } from './conformance/harness.ts'
import { readGuarded } from './guarded-read.ts'
import { createRowCache, rowsMax } from './row-cache.ts'
import { createRowGuard } from './row-guard.ts'
import { openSqlite } from './sqlite/open-sqlite.ts'

async function stage() {
  const storage = await openSqlite({ path: ':memory:', migrations: [testMigration] })
  const cache = createRowCache(storage)
  assert.ok(cache !== null)
  const guard = createRowGuard(Buffer.alloc(32, 1), systemRandom, cache)
  const write = (kind: 'insert' | 'update', row: DoorRow) => put(storage, { writes: [{ kind, table: doorTable, row, seal: guard.seal(doorTable, row) }] })
  const read = () => readGuarded(storage.reader<never>(), guard, doorTable, 'a')
  return { storage, cache, guard, write, read }
}

const door = (version: number, label: string): DoorRow => ({ id: 'a', version, label })

test('a row that was read is answered again without the database, until a commit writes it', async () => {
  const { storage, cache, write, read } = await stage()
  await write('insert', door(1, 'front'))
  const first = await read()
  assert.equal((await read())?.row, first?.row, 'the very same object')
  await write('update', door(2, 'back'))
  assert.equal(cache.get(doorTable, 'a'), undefined)
  assert.deepEqual([(await read())?.row.label, (await read())?.row.version], ['back', 2])
  await put(storage, { writes: [{ kind: 'delete', table: doorTable, id: 'a', version: 3 }] })
  assert.equal(await read(), null)
})

test('a row that was read while its table changed is not kept: it may be the older one', async () => {
  const { cache, write, read } = await stage()
  await write('insert', door(1, 'front'))
  const stale = await read()
  const moment = cache.moment(doorTable)
  await write('update', door(2, 'back'))
  assert.ok(stale !== null)
  cache.put(doorTable, stale.row, moment)
  assert.equal(cache.get(doorTable, 'a'), undefined)
  assert.equal((await read())?.row.version, 2)
})

test('a row that is not genuine is not kept', async () => {
  const { storage, cache, guard, read } = await stage()
  const row = door(1, 'front')
  const { salt, digest } = guard.seal(doorTable, row)
  await put(storage, { writes: [{ kind: 'insert', table: doorTable, row, seal: { salt, digest, mac: Buffer.alloc(32, 7) } }] })
  assert.equal((await read())?.genuine, false)
  assert.equal(cache.get(doorTable, 'a'), undefined)
  assert.equal((await storage.reader<TestTables>().selectFrom('doors').selectAll().execute()).length, 1)
})

test('where other servers write too nothing is kept, and somebody else\'s write empties what was', async () => {
  assert.equal(createRowCache({ exclusive: false, onCommitted() {}, onForeignWrite() {} }), null)
  let foreign = (): void => {}
  const cache = createRowCache({ exclusive: true, onCommitted() {}, onForeignWrite: (listener) => void (foreign = listener) })
  assert.ok(cache !== null)
  const row = { ...door(1, 'front'), salt: Buffer.alloc(16), mac: Buffer.alloc(32) }
  const before = cache.moment(doorTable)
  cache.put(doorTable, row, before)
  foreign()
  assert.equal(cache.get(doorTable, 'a'), undefined)
  cache.put(doorTable, row, before)
  assert.equal(cache.get(doorTable, 'a'), undefined)
})

test('at most 4,096 rows are kept: the one that was read first gives way', () => {
  assert.equal(rowsMax, 4_096)
  const cache = createRowCache({ exclusive: true, onCommitted() {}, onForeignWrite() {} })
  assert.ok(cache !== null)
  const put = (nth: number) => cache.put(doorTable, { id: `door ${nth}`, version: 1, label: '', salt: Buffer.alloc(16), mac: Buffer.alloc(32) }, cache.moment(doorTable))
  for (let nth = 0; nth < rowsMax; nth++) put(nth)
  const isKept = (nth: number) => cache.get(doorTable, `door ${nth}`) !== undefined
  assert.deepEqual([isKept(0), isKept(rowsMax - 1)], [true, true])
  // One that is there already pushes no other out.
  put(rowsMax - 1)
  assert.equal(isKept(0), true)
  put(rowsMax)
  assert.deepEqual([isKept(0), isKept(1), isKept(rowsMax)], [false, true, true])
})
