/** What the log says of rows and of blocks of uses, against those that are there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '#core/base/json'
import {
  blockOf, entryOf, environmentId, findingOf, flip, growing, memorySource, newTestLog, publish, rowOf, tampered,
  testLogSize as size, workspaceId, type TestLog,
} from './fixtures.ts'
import { verifyLog } from './verify-log.ts'

test('an entry that does not go on from what was said of a row is named', async () => {
  const marked = (mark: { id: string; version: number; digest?: string }) => tampered((log) => {
    log.entries[599] = entryOf(599, { rows: [{ table: 'keys', digest: 'A'.repeat(43), ...mark }] })
    publish(log, [])
  })
  for (const [id, version, digest] of [['key_new', 2], ['key_new', 0], ['key_new', 1, ''], ['key_00', 1], ['key_00', 39], ['key_00', 42], ['key_09', 6]] as const) {
    assert.equal(await marked({ id, version, ...(digest === undefined ? {} : { digest }) }), 'row-marks-disagree entry 599', `${id} ${version}`)
  }
  assert.equal(await marked({ id: 'key_new', version: 1 }), 'row-missing row keys/key_new')
})

test('an entry that took away an altered row goes on from whatever version that had, and all that comes after is checked as ever', async () => {
  for (const version of [1, 40, 1_000]) {
    const { record, mark } = rowOf('key_00', version, { status: 'revoked' })
    const cured = (change: (log: TestLog) => void = () => {}) => tampered((log) => {
      log.entries[597] = entryOf(597, { event: 'key.revoked', facts: { tampered: true }, rows: [mark] })
      log.rows = log.rows.map((one) => (one.id === 'key_00' ? record : one))
      change(log)
      publish(log, [])
    })
    assert.equal(await cured(), 'ok')
    assert.equal(await cured((log) => edit(log, 'key_00', { status: 'active' })), 'row-altered row keys/key_00')
    assert.equal(await cured((log) => edit(log, 'key_01', { status: 'revoked' })), 'row-altered row keys/key_01')
    assert.equal(await cured((log) => (log.entries[598] = entryOf(598, { rows: [{ ...mark, version: version + 2 }] }))), 'row-marks-disagree entry 598')
  }
})

const edit = (log: TestLog, id: string, row: JsonObject | null) => {
  log.rows = log.rows.map((record) => (record.id === id ? { ...record, row: row === null ? null : { ...record.row, ...row } } : record))
}

test('a row edited by hand is named, also when its head was edited with it', async () => {
  assert.equal(await tampered((log) => edit(log, 'key_03', { status: 'revoked' })), 'row-altered row keys/key_03')
  assert.equal(await tampered((log) => edit(log, 'key_03', { expires_at_ms: 5 })), 'row-altered row keys/key_03')
  assert.equal(await tampered((log) => edit(log, 'key_03', { version: 99 })), 'head-differs row keys/key_03')
  assert.equal(await tampered((log) => (log.rows[3] = rowOf('key_03', 99).record)), 'row-unlogged-version row keys/key_03')
  assert.equal(await tampered((log) => edit(log, 'key_03', { id: 'key_04' })), 'row-malformed row keys/key_03')
  for (const version of ['40', 0, -1, 40.5]) {
    assert.equal(await tampered((log) => edit(log, 'key_03', { version })), 'row-malformed row keys/key_03', String(version))
  }
  assert.equal(await tampered((log) => {
    const { record } = rowOf('key_03', 40, { status: 'revoked' })
    log.rows = log.rows.map((row) => (row.id === 'key_03' ? record : row))
  }), 'row-altered row keys/key_03')
  assert.equal(await tampered((log) => (log.rows = log.rows.map((row) => ({ ...row, salt: flip(row.salt, 2) })))), 'row-altered row keys/key_00')
})

test('a row rolled back to an older version that was genuine is named', async () => {
  const older = (log: TestLog) => {
    const { record } = rowOf('key_05', 3)
    log.rows = log.rows.map((row) => (row.id === 'key_05' ? record : row))
  }
  assert.equal(await tampered(older), 'row-rolled-back row keys/key_05')
})

test('rows that are missing, unknown, doubled, swapped or back from the dead are named', async () => {
  assert.equal(await tampered((log) => log.rows.splice(4, 1)), 'row-missing row keys/key_04')
  assert.equal(await tampered((log) => edit(log, 'key_04', null)), 'row-malformed row keys/key_04')
  assert.equal(await tampered((log) => (log.rows = log.rows.map((row) => (row.id === 'key_04' ? { ...row, row: null, salt: Buffer.alloc(0) } : row)))), 'row-missing row keys/key_04')
  assert.equal(await tampered((log) => log.rows.push(rowOf('key_new', 1).record)), 'row-unknown row keys/key_new')
  assert.equal(await tampered((log) => log.rows.push(log.rows[2]!)), 'row-repeated row keys/key_02')
  assert.equal(await tampered((log) => log.rows.push(rowOf('key_09', 4).record)), 'row-unknown row keys/key_09')
  assert.equal(await tampered((log) => {
    const [first, second, ...rest] = log.rows
    log.rows = [{ ...second!, id: first!.id }, { ...first!, id: second!.id }, ...rest]
  }), 'row-malformed row keys/key_00')
  assert.equal(await tampered((log) => {
    const [first, second, ...rest] = log.rows
    log.rows = [{ ...first!, salt: second!.salt, row: { ...second!.row, id: first!.id } }, second!, ...rest]
  }), 'row-altered row keys/key_00')
  assert.equal(await tampered((log) => log.rows.push({ ...rowOf('key_new', 1).record, head: null })), 'row-unknown row keys/key_new')
  const gone = { table: 'keys', id: 'key_09', row: null, salt: Buffer.alloc(0), head: { version: 5, digest: '' } }
  assert.equal(await tampered((log) => log.rows.push(gone)), 'ok')
  assert.equal(await tampered((log) => log.rows.push({ ...gone, head: null })), 'row-malformed row keys/key_09')
  const { counts } = await verifyLog(memorySource({ ...newTestLog(size), rows: [...newTestLog(size).rows, gone] }))
  assert.equal(counts.rows, 9, 'what is gone is not counted')
  assert.equal(await tampered((log) => log.rows.push({ ...gone, head: { version: 5, digest: 'x' } })), 'head-differs row keys/key_09')
})

test('a head that does not say what row and log say is named', async () => {
  const headed = (head: { version: number; digest: string } | null) => tampered((log) => {
    log.rows = log.rows.map((row) => (row.id === 'key_07' ? { ...row, head } : row))
  })
  assert.equal(await headed(null), 'head-differs row keys/key_07')
  assert.equal(await headed({ version: 39, digest: rowOf('key_07', 40).mark.digest }), 'head-differs row keys/key_07')
  assert.equal(await headed({ version: 40, digest: rowOf('key_07', 39).mark.digest }), 'head-differs row keys/key_07')
})

test('a row whose MAC does not hold is named where somebody can tell, also one that is newer than the log', async () => {
  for (const macHolds of [true, false]) {
    const found = await tampered((log) => (log.rows = log.rows.map((row) => (row.id === 'key_07' ? { ...row, macHolds } : row))))
    assert.equal(found, macHolds ? 'ok' : 'row-mac-differs row keys/key_07')
  }
  const { log, source } = growing(58, 59)
  log.rows = log.rows.map((row) => (row.id === 'key_08' ? { ...row, macHolds: false } : row))
  assert.equal(await findingOf(log, {}, source), 'row-mac-differs row keys/key_08')
})

test('a block of uses that is not the one that was committed to is named', async () => {
  const changed = (change: (log: TestLog) => void) => tampered(change)
  const withFirst = (part: Partial<TestLog['blocks'][number]>) => changed((log) => (log.blocks[0] = { ...log.blocks[0]!, ...part }))
  const text = blockOf('blk_60').record.sections.toString()
  assert.equal(await withFirst({ uses: 8 }), 'block-altered block blk_60')
  assert.equal(await withFirst({ environment: 'env_fedcba9876543210' }), 'block-altered block blk_60', 'uses of one environment cannot be hidden in another')
  assert.equal(await withFirst({ environment: '' }), 'block-altered block blk_60')
  assert.equal(await withFirst({ from: '2026-11-24T00:00:00.000Z' }), 'block-altered block blk_60')
  assert.equal(await withFirst({ to: '2026-11-26T00:00:00.000Z' }), 'block-altered block blk_60')
  assert.equal(await withFirst({ sections: Buffer.from(text.replace('con_fed', 'con_fee')) }), 'block-altered block blk_60')
  assert.equal(await withFirst({ sections: blockOf('blk_61').record.sections }), 'block-altered block blk_60')
  assert.equal(await withFirst({ sections: Buffer.from('[]') }), 'block-altered block blk_60')
  for (const sections of ['', '{}', ' []', text.replace('"detail":null', '"detail":0'), text.replace('"mark"', '"mask"'), text.replace('{', '{"a":1,')]) {
    assert.equal(await withFirst({ sections: Buffer.from(sections) }), 'block-malformed block blk_60', sections)
  }
  assert.equal(await changed((log) => log.blocks.splice(1, 1)), 'block-missing block blk_61')
  assert.equal(await changed((log) => log.blocks.push(blockOf('blk_new').record)), 'block-unknown block blk_new')
  assert.equal(await changed((log) => log.blocks.push(log.blocks[0]!)), 'block-repeated block blk_60')
})

test('an entry about a block says what such entries say, and of a block once', async () => {
  const { facts } = blockOf('blk_600')
  const logged = (change: JsonObject) => tampered((log) => {
    log.entries[599] = entryOf(599, { event: 'uses.recorded', target: environmentId, facts: { ...facts, ...change } })
    log.blocks.push(blockOf('blk_600').record)
    publish(log, [])
  })
  assert.equal(await logged({}), 'ok')
  assert.equal(await logged({ block: 'blk_60' }), 'block-logged-twice entry 599')
  assert.equal(await logged({ denied: 7 }), 'ok', 'all of them')
  for (const change of [{ uses: 0 }, { uses: 0, denied: 0 }, { uses: 1.5 }, { uses: 7.5 }, { denied: 1.5 }, { uses: '7' }, { denied: '2' }, { from: 5 }, { to: 5 }, { to: null }, { denied: 8 }, { denied: -1 }, { sections: 5 }, { block: null }, { from: '2027-01-01T00:00:00.000Z' }] as const) {
    assert.equal(await logged(change), 'block-facts-malformed entry 599', JSON.stringify(change))
  }
})

test('uses of no environment are the workspace\'s, and only those', async () => {
  const { record, facts } = blockOf('blk_600')
  const found = (target: string, environment: string) => tampered((log) => {
    log.entries[599] = entryOf(599, { event: 'uses.recorded', target, facts })
    log.blocks.push({ ...record, environment })
    publish(log, [])
  })
  assert.equal(await found(workspaceId, ''), 'ok')
  assert.equal(await found(workspaceId, workspaceId), 'block-altered block blk_600')
  assert.equal(await found(environmentId, ''), 'block-altered block blk_600')
})

test('the head of a row that is gone is held against the entry that deletes it while the log is read', async () => {
  const deleted = (version: number): Promise<string> => {
    const { log, source } = growing(49, 50)
    log.rows.push({ table: 'keys', id: 'key_09', row: null, salt: Buffer.alloc(0), head: { version, digest: '' } })
    return findingOf(log, {}, { ...source, isLive: false })
  }
  assert.equal(await deleted(5), 'ok')
  assert.equal(await deleted(6), 'row-missing row keys/key_09')
  assert.equal(await deleted(4), 'row-missing row keys/key_09')
})

test('a block that is read before its entry must be the one that the entry commits to', async () => {
  const { log, source } = growing(58, 64)
  log.blocks[1] = { ...log.blocks[1]!, uses: 8 }
  assert.equal(await findingOf(log, {}, source), 'block-altered block blk_61')
})
