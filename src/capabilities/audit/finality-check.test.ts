import assert from 'node:assert/strict'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { afterEach, test } from 'node:test'
import { newId } from '#core/base/id'
import { systemRandom } from '#core/crypto/random'
import { emptyCommit, type RowWrite } from '#core/storage/commit'
import { readGuarded } from '#core/storage/guarded-read'
import { openSqlite } from '#core/storage/sqlite/open-sqlite'
import { guardColumns, type Migration } from '#core/storage/storage'
import { defineTable, type RowBase } from '#core/storage/table'
import { createFinalityCheck } from './finality-check.ts'
import { appendEntries, auditMigrations, changeOf, gate, gateId, makeWorkspace, openRoom, temporaryDatabase, writeGate, type AuditRoom } from './fixtures.ts'

interface DoorRow extends RowBase {
  readonly status: 'open' | 'closed' | 'revoked'
}

const doorTable = defineTable<DoorRow>('audit_doors', { guarded: true, columns: { status: 'text' } })

const doorsMigration: Migration = {
  id: 'test/0002-doors',
  statements: (types) => [
    `CREATE TABLE audit_doors (id ${types.text} PRIMARY KEY, version ${types.integer} NOT NULL, ${guardColumns(types)}, status ${types.text} NOT NULL)`,
  ],
}

const undo: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

interface House {
  readonly room: AuditRoom
  readonly log: string
  /** One pass, by a server that just started. */
  check(): Promise<readonly string[]>
  isRelied(digit: number): Promise<boolean | null>
  /** What somebody with the file copied out, and the way to put it back. */
  copyOf(digit: number): () => void
}

async function house(): Promise<House> {
  const { path, remove } = temporaryDatabase()
  undo.push(remove)
  const storage = await openSqlite({ path, migrations: [...auditMigrations, doorsMigration] })
  undo.push(() => storage.close())
  const room = openRoom(storage)
  return {
    room,
    log: await makeWorkspace(room),
    check: () => createFinalityCheck(room).run(),
    isRelied: async (digit) => (await readGuarded(storage.reader<never>(), room.guard, doorTable, gateId(digit)))?.genuine ?? null,
    copyOf(digit) {
      const rows = onFile(path, (file) => places(digit).map(([table, id]) => [table, file.prepare(`SELECT * FROM ${table} WHERE id = ?`).get(id) ?? {}] as const))
      return () => onFile(path, (file) => rows.forEach(([table, row]) => {
        const names = Object.keys(row)
        file.prepare(`REPLACE INTO ${table} (${names.join()}) VALUES (${names.map(() => '?').join()})`).run(...(Object.values(row) as SQLInputValue[]))
      }))
    },
  }
}

const places = (digit: number) => [['audit_doors', gateId(digit)], ['row_heads', `audit_doors/${gateId(digit)}`]] as const

function onFile<Result>(path: string, work: (file: DatabaseSync) => Result): Result {
  const file = new DatabaseSync(path, { timeout: 5_000 })
  try {
    return work(file)
  } finally {
    file.close()
  }
}

const door = (digit: number, version: number, status: DoorRow['status']): RowWrite =>
  ({ kind: version === 1 ? 'insert' : 'update', table: doorTable, row: { id: gateId(digit), version, status } as DoorRow })

const change = ({ room, log }: House, event: string, writes: readonly RowWrite[], more: { readonly target?: string; readonly facts?: { list: string[] } } = {}) =>
  room.recorder.recordChanges([changeOf(log, { event, writes, ...more })])

for (const event of ['door.revoked', 'door.erased']) {
  test(`A13: a row and its head that are put back from before ${event} are not relied on, and are named`, async () => {
    const it = await house()
    await change(it, 'door.opened', [door(1, 1, 'open')])
    const putBack = it.copyOf(1)
    await change(it, event, [door(1, 2, 'revoked')])
    assert.deepEqual(await it.check(), [], 'as long as it is revoked')
    assert.equal(await it.isRelied(1), true)
    putBack()
    assert.equal(await it.isRelied(1), true, 'neither row nor head show it')
    assert.deepEqual(await it.check(), [`audit_doors/${gateId(1)}`])
    assert.equal(await it.isRelied(1), false)
    // Said again by the next pass, for as long as it is so; and whoever is asked again goes on distrusting.
    assert.deepEqual(await it.check(), [`audit_doors/${gateId(1)}`])
    assert.equal(await it.isRelied(1), false)
  })
}

test('A13: every version up to the one that was brought back is distrusted, also one that is older still', async () => {
  const it = await house()
  await change(it, 'door.opened', [door(1, 1, 'open')])
  const first = it.copyOf(1)
  await change(it, 'door.closed', [door(1, 2, 'closed')])
  const second = it.copyOf(1)
  await change(it, 'door.revoked', [door(1, 3, 'revoked')])
  second()
  await it.check()
  first()
  assert.equal(await it.isRelied(1), false)
})

test('A13: a version that was found put back stays distrusted when an older one is put back and found after it', async () => {
  const it = await house()
  await change(it, 'door.opened', [door(1, 1, 'open')])
  const first = it.copyOf(1)
  await change(it, 'door.closed', [door(1, 2, 'closed')])
  const second = it.copyOf(1)
  await change(it, 'door.revoked', [door(1, 3, 'revoked')])
  for (const putBack of [second, first]) {
    putBack()
    assert.deepEqual(await it.check(), [`audit_doors/${gateId(1)}`])
  }
  second()
  assert.equal(await it.isRelied(1), false, 'before the next pass too')
})

test('A13: it is found wherever it stands: behind many other entries, and in a log behind others', async () => {
  const it = await house()
  await change(it, 'door.opened', [door(1, 1, 'open'), door(2, 1, 'open')])
  const putBack = [it.copyOf(1), it.copyOf(2)]
  const { storage } = it.room
  // Logs before and behind it, and more than two reads' worth of entries in its own.
  for (const stream of ['aaa', it.log, 'zzz']) await appendEntries(storage, stream, 700)
  await change(it, 'door.revoked', [door(1, 2, 'revoked')])
  await appendEntries(storage, it.log, 700)
  const last = { ...it, log: await makeWorkspace(it.room) }
  await change(last, 'door.revoked', [door(2, 2, 'revoked')], { target: gateId(2) })
  for (const step of putBack) step()
  assert.deepEqual([...(await it.check())].sort(), [1, 2].map((digit) => `audit_doors/${gateId(digit)}`))
})

test('A13: nothing else is distrusted: what was only closed, what stands beside what was erased, what is gone, what no status says', async () => {
  const it = await house()
  await change(it, 'door.opened', [1, 2, 3, 4].map((digit) => door(digit, 1, 'open')))
  await change(it, 'door.closed', [door(1, 2, 'closed')])
  // An erasure changes what it names, and this beside it.
  await change(it, 'door.erased', [door(2, 2, 'revoked'), door(3, 2, 'closed')], { target: gateId(2) })
  await change(it, 'door.revoked', [{ kind: 'delete', table: doorTable, id: gateId(4), version: 2 }], { target: gateId(4) })
  // A table whose rows have no status, revoked or not.
  await change(it, 'gate.revoked', [writeGate(gate(it.log, 1))])
  assert.deepEqual(await it.check(), [])
  assert.deepEqual(await Promise.all([1, 2, 3].map((digit) => it.isRelied(digit))), [true, true, true])
})

test('A13: an entry that only speaks of a revocation, or is none, ends nothing', async () => {
  const it = await house()
  await change(it, 'door.opened', [door(1, 1, 'open')], { facts: { list: ['door.revoked', 'door.erased', ''] } })
  for (const text of ['.revoked","', `{"event":"door.revoked","target":"${gateId(1)}"}`, '{"event":"door.erased","']) {
    const append = { stream: it.log, id: newId('ent', systemRandom), atMs: 1, target: gateId(1), leaf: Buffer.from(text), details: Buffer.alloc(0) }
    await it.room.storage.commit({ ...emptyCommit, appends: [append] })
  }
  assert.deepEqual(await it.check(), [])
  assert.equal(await it.isRelied(1), true)
})
