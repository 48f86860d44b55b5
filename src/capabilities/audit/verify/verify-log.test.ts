import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '#core/base/json'
import {
  blockOf, entriesPath, entryOf, environmentId, memorySource, newSigners, newTestLog, origin, publish, rowOf, signCheckpoint, signers, startMs, tileOf,
  tilePath, vkeysOf, workspaceId, type TestLog,
} from './fixtures.ts'
import type { LogSource } from './source.ts'
import { verifyLog, type VerifyOptions } from './verify-log.ts'

const size = 600

/** What a check finds first, as `code kind name`; 'ok' when nothing. */
async function findingOf(log: TestLog, options: VerifyOptions = {}, source: Partial<LogSource> = {}): Promise<string> {
  const { ok, problems, checkpoint } = await verifyLog(memorySource(log, source), options)
  assert.equal(ok, problems.length === 0)
  assert.equal(checkpoint !== null, ok && log.checkpoint !== null)
  const [problem] = problems
  return problem === undefined ? 'ok' : `${problem.code} ${problem.place.kind} ${problem.place.name}`.trimEnd()
}

async function tampered(change: (log: TestLog) => void, options: VerifyOptions = {}): Promise<string> {
  const log = newTestLog(size)
  change(log)
  return findingOf(log, options)
}

const flip = (bytes: Uint8Array, at: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[at]! ^= 1
  return copy
}

test('a log that is as it was written passes, whatever its size, and the report says what was checked', async () => {
  for (const entries of [1, 2, 49, 50, 63, 255, 256, 257, 511, 512, 513]) assert.equal(await findingOf(newTestLog(entries)), 'ok', String(entries))
  const log = newTestLog(size)
  const report = await verifyLog(memorySource(log))
  const { root, checkpoint, ...rest } = report
  assert.equal(checkpoint, log.checkpoint)
  assert.ok(root !== null && checkpoint?.includes(root))
  assert.deepEqual(rest, {
    ok: true, problems: [], workspaceId, keysFrom: 'source', size, rowsFrom: size,
    from: '2026-11-25T00:00:00.000Z', to: '2026-11-25T00:09:59.000Z',
    counts: { entries: 600, unpublished: 0, tiles: 7, checkpoints: 6, rows: 9, blocks: 3, erased: 1, sealed: null, subjectKeys: null },
  })
})

test('a new log without a checkpoint is no problem; a log that lost it is, and one without an entry', async () => {
  const empty = { ...newTestLog(1), entries: [], rows: [], history: [], checkpoint: null }
  const unpublished = { ...newTestLog(1), entries: [], leaves: newTestLog(1).entries, history: [], checkpoint: null }
  assert.equal(await findingOf(unpublished), 'ok')
  assert.equal(await findingOf(empty), 'log-empty log')
  assert.equal(await tampered((log) => (log.checkpoint = null)), 'checkpoint-missing log')
  assert.equal(await findingOf(empty, { lastSeen: newTestLog(1).checkpoint! }), 'checkpoint-missing log')
})

test('an entry that was changed is named, by its index', async () => {
  for (const index of [0, 255, 256, 599]) {
    const found = await tampered((log) => {
      const { width, first } = index < 512 ? { width: 256, first: index - (index % 256) } : { width: 88, first: 512 }
      const entries = [...log.entries]
      entries[index] = entryOf(index, { event: 'key.changed' })
      const path = entriesPath({ index: first / 256, width })
      log.tiles.set(path, tileOf(entries, path))
    })
    assert.equal(found, `entry-altered entry ${index}`)
  }
})

test('a hash tile that was changed is named, and not the entries under it', async () => {
  for (const [path, at] of [
    [tilePath({ level: 0, index: 0 }), 0], [tilePath({ level: 0, index: 1 }), 8191], [tilePath({ level: 0, index: 2, width: 88 }), 40],
    [tilePath({ level: 1, index: 0, width: 2 }), 33],
  ] as const) {
    assert.equal(await tampered((log) => log.tiles.set(path, flip(tileOf(log.entries, path)!, at))), `tile-altered tile ${path}`)
  }
})

test('tiles and bundles that are missing, cut short or too long are named', async () => {
  const tile = tilePath({ level: 0, index: 1 })
  const bundle = entriesPath({ index: 2, width: 88 })
  const changes: [string, (log: TestLog, path: string) => Buffer | null, string][] = [
    [tile, () => null, 'tile-missing'],
    [tile, (log, path) => tileOf(log.entries, path)!.subarray(0, -32), 'tile-malformed'],
    [tile, (log, path) => Buffer.concat([tileOf(log.entries, path)!, Buffer.alloc(1)]), 'tile-malformed'],
    [bundle, () => null, 'bundle-missing'],
    [bundle, (log, path) => tileOf(log.entries, path)!.subarray(0, -1), 'bundle-malformed'],
    [bundle, (log, path) => Buffer.concat([tileOf(log.entries, path)!, Buffer.alloc(2)]), 'bundle-malformed'],
  ]
  for (const [path, change, code] of changes) {
    assert.equal(await tampered((log) => log.tiles.set(path, change(log, path))), `${code} tile ${path}`)
  }
})

test('entries that were dropped, doubled or put in another order, tiles and all, are found by the checkpoints', async () => {
  assert.equal(await tampered((log) => log.entries.splice(63, 1)), 'checkpoint-differs checkpoint 70')
  assert.equal(await tampered((log) => log.entries.splice(598, 1)), 'bundle-missing tile tile/entries/002.p/88')
  assert.equal(await tampered((log) => log.entries.push(log.entries[599]!)), 'ok', 'beyond the checkpoint nothing is read')
  assert.equal(await tampered((log) => log.entries.splice(300, 2, log.entries[301]!, log.entries[300]!)), 'checkpoint-differs checkpoint 600')
  assert.equal(await tampered((log) => log.entries.splice(300, 11, log.entries[310]!, ...log.entries.slice(301, 310), log.entries[300]!)), 'row-marks-disagree entry 300')
  assert.equal(await tampered((log) => log.entries.splice(60, 2, log.entries[61]!, log.entries[60]!)), 'checkpoint-differs checkpoint 70')
  assert.equal(await tampered((log) => {
    log.entries[580] = entryOf(580)
    log.history = []
  }), 'checkpoint-differs checkpoint 600')
})

test('a checkpoint that is not signed by both keys of this log is refused', async () => {
  const log = newTestLog(size)
  const root = rootOf(log)
  const strangers = newSigners()
  const [ed25519, mlDsa44] = signers
  const found = (checkpoint: string) => findingOf({ ...log, checkpoint })
  assert.equal(await found(signCheckpoint(size, root, { keys: strangers })), 'checkpoint-not-signed checkpoint 600')
  assert.equal(await found(signCheckpoint(size, root, { keys: [ed25519!] })), 'checkpoint-not-signed checkpoint 600')
  assert.equal(await found(signCheckpoint(size, root, { keys: [mlDsa44!] })), 'checkpoint-not-signed checkpoint 600')
  assert.equal(await found(signCheckpoint(size, root, { keys: [ed25519!, strangers[1]!] })), 'checkpoint-not-signed checkpoint 600')
  assert.equal(await found(signCheckpoint(size, root, { name: `${origin}x` })), 'checkpoint-of-another-log checkpoint 600')
  assert.equal(await found(log.checkpoint!.replace('\n600\n', '\n599\n')), 'checkpoint-not-signed checkpoint 599')
  assert.equal(await found('checkpoint'), 'checkpoint-malformed checkpoint')
  assert.equal(await found(signCheckpoint(size, flip(root, 0))), 'checkpoint-differs checkpoint 600')
})

test('keys that are other than the trusted ones, or not one log\'s, are refused', async () => {
  const others = vkeysOf(newSigners())
  assert.equal(await tampered((log) => (log.vkeys = others), { vkeys: vkeysOf(signers) }), 'keys-differ log')
  assert.equal(await tampered((log) => (log.vkeys = others)), 'checkpoint-not-signed checkpoint 1')
  assert.equal(await tampered((log) => log.vkeys.pop()), 'keys-malformed log')
  assert.equal(await tampered((log) => (log.vkeys = [])), 'keys-malformed log')
  assert.equal(await tampered((log) => (log.vkeys[0] = 'key')), 'keys-malformed log')
  assert.equal(await tampered((log) => (log.vkeys[0] = vkeysOf(signers, `${origin}x`)[0]!)), 'keys-malformed log')
  assert.equal(await tampered((log) => (log.vkeys = vkeysOf(signers, 'elsewhere'))), 'keys-malformed log')
  assert.equal(await tampered(() => {}, { workspaceId: 'wsp_fedcba9876543210' }), 'keys-of-another-log log')
  assert.equal(await tampered(() => {}, { workspaceId, vkeys: vkeysOf(signers) }), 'ok')
})

test('the history is part of the check: order, signatures, and the root at every size', async () => {
  assert.equal(await tampered((log) => log.history.reverse()), 'checkpoint-out-of-order checkpoint 256')
  assert.equal(await tampered((log) => log.history.splice(2, 1, signCheckpoint(71, rootOf(log)))), 'checkpoint-differs checkpoint 71')
  assert.equal(await tampered((log) => log.history.splice(2, 1, 'note')), 'checkpoint-malformed checkpoint')
  assert.equal(await tampered((log) => log.history.splice(2, 1, signCheckpoint(71, rootOf(log), { keys: newSigners() }))), 'checkpoint-not-signed checkpoint 71')
  assert.equal(await tampered((log) => log.history.push(signCheckpoint(601, rootOf(log)))), 'checkpoint-is-old checkpoint 601')
})

test('an old checkpoint shown again is found by its history, or by whoever saw a later one', async () => {
  const later = newTestLog(size)
  const shortened = (log: TestLog): void => {
    const old = newTestLog(400)
    Object.assign(log, { entries: old.entries, rows: old.rows, checkpoint: old.checkpoint })
  }
  assert.equal(await tampered(shortened), 'ok', 'nobody who sees it for the first time can know')
  assert.equal(await tampered(shortened, { lastSeen: later.checkpoint! }), 'log-went-back checkpoint 400')
  assert.equal(await tampered((log) => (log.checkpoint = newTestLog(200).checkpoint)), 'row-unlogged-version row keys/key_00')
  assert.equal(await tampered((log) => {
    log.checkpoint = newTestLog(200).checkpoint
    log.rows = newTestLog(200).rows
  }), 'checkpoint-is-old checkpoint 256')
})

test('a log that shows another past than the one that was seen is a fork', async () => {
  const log = newTestLog(size)
  assert.equal(await findingOf(log, { lastSeen: newTestLog(100).checkpoint! }), 'ok')
  assert.equal(await findingOf(log, { lastSeen: log.checkpoint! }), 'ok')
  assert.equal(await findingOf(log, { lastSeen: signCheckpoint(100, rootOf(log)) }), 'log-forked checkpoint 100')
  assert.equal(await findingOf(log, { lastSeen: signCheckpoint(600, flip(rootOf(log), 3)) }), 'log-forked checkpoint 600')
  assert.equal(await findingOf(log, { lastSeen: signCheckpoint(100, rootOf(log), { keys: newSigners() }) }), 'last-seen-malformed log 100')
  assert.equal(await findingOf(log, { lastSeen: 'note' }), 'last-seen-malformed log')
})

test('an entry that was signed and is none is named', async () => {
  const signed = (at: number, entry: Buffer) => tampered((log) => {
    log.entries[at] = entry
    publish(log, [])
  })
  const good = entryOf(599)
  assert.equal(await signed(599, good), 'ok')
  assert.equal(await signed(599, Buffer.concat([good, Buffer.from(' ')])), 'entry-malformed entry 599')
  assert.equal(await signed(599, Buffer.from(good.toString().replace('"v":1', '"v":2'))), 'entry-malformed entry 599')
  assert.equal(await signed(599, Buffer.from(good.toString().replace('"facts":{}', '"facts":{"a":"\\ud800"}'))), 'entry-malformed entry 599')
  assert.equal(await signed(599, Buffer.from(good.toString().replace('"facts":{}', `"facts":{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`))), 'entry-malformed entry 599')
  assert.equal(await signed(599, Buffer.alloc(0)), 'entry-malformed entry 599')
  assert.equal(await signed(599, Buffer.of(0xff, 0xfe)), 'entry-malformed entry 599')
  assert.equal(await signed(599, entryOf(599, { workspace: 'wsp_fedcba9876543210' })), 'entry-of-another-workspace entry 599')
  assert.equal(await signed(599, entryOf(599, { atMs: startMs + 598_000 - 60_000 })), 'ok')
  assert.equal(await signed(599, entryOf(599, { atMs: startMs + 598_000 - 60_001 })), 'entry-back-in-time entry 599')
})

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
  assert.equal(await tampered((log) => edit(log, 'key_03', { version: '40' })), 'row-malformed row keys/key_03')
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
  const gone = { table: 'keys', id: 'key_09', row: null, salt: Buffer.alloc(0), head: { version: 5, digest: '' } }
  assert.equal(await tampered((log) => log.rows.push(gone)), 'ok')
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
  for (const change of [{ uses: 0 }, { uses: 1.5 }, { denied: 8 }, { denied: -1 }, { sections: 5 }, { block: null }, { from: '2027-01-01T00:00:00.000Z' }] as const) {
    assert.equal(await logged(change), 'block-facts-malformed entry 599', JSON.stringify(change))
  }
})

test('entries beyond the checkpoint are told apart, and taken into account for the rows', async () => {
  const log = newTestLog(size)
  const { record, mark } = rowOf('key_new', 1)
  log.leaves = [entryOf(600, { rows: [mark] }), entryOf(601)]
  log.rows.push(record)
  const report = await verifyLog(memorySource(log))
  assert.equal(report.ok, true)
  assert.deepEqual([report.size, report.counts.entries, report.counts.unpublished], [600, 600, 2])
  log.leaves.pop()
  log.leaves.push(Buffer.from('{}'))
  assert.equal(await findingOf(log), 'entry-malformed entry 601')
})

test('an entry that was seen before it was published must be the one that is published', async () => {
  const published = newTestLog(310)
  const foundWith = (last: Buffer) => {
    let asked = 0
    return findingOf(published, {}, {
      checkpoint: () => Promise.resolve(asked++ === 0 ? newTestLog(300).checkpoint : published.checkpoint),
      async *leaves(from) {
        yield* await Promise.resolve([...published.entries.slice(300, 309), last].slice(from - 300))
      },
    })
  }
  assert.equal(await foundWith(published.entries[309]!), 'ok')
  assert.equal(await foundWith(entryOf(309, { event: 'key.other' })), 'entry-altered entry 309')
})

/** A log that grows from one size to another while its rows are read. */
function growing(from: number, to: number): { log: TestLog; source: Partial<LogSource> } {
  const log = newTestLog(to)
  const before = newTestLog(from)
  let asked = 0
  return { log, source: { isLive: true, checkpoint: () => Promise.resolve(asked++ === 0 ? before.checkpoint : log.checkpoint), leaves: undefined as never } }
}

test('a log that grows while it is read passes: later entries explain the rows, the blocks and the history', async () => {
  for (const [from, to] of [[10, 11], [58, 64], [100, 300], [255, 257], [256, 600]] as const) {
    const { log, source } = growing(from, to)
    assert.equal(await findingOf(log, {}, source), 'ok', `${from} to ${to}`)
  }
  const { log, source } = growing(300, 310)
  const report = await verifyLog(memorySource(log, source))
  assert.deepEqual([report.rowsFrom, report.size, report.counts.entries], [300, 310, 310])
})

test('what no later entry explains is wrong in a growing log too, and so is another beginning', async () => {
  const rolledBack = growing(300, 310)
  rolledBack.log.rows[5] = rowOf('key_05', 3).record
  assert.equal(await findingOf(rolledBack.log, {}, { ...rolledBack.source, isLive: false }), 'row-rolled-back row keys/key_05')
  const edited = growing(300, 310)
  edited.log.rows[5] = rowOf('key_05', 31, { status: 'revoked' }).record
  assert.equal(await findingOf(edited.log, {}, { ...edited.source, isLive: false }), 'row-unlogged-version row keys/key_05')
  const rewritten = growing(300, 310)
  const other = newTestLog(310)
  other.entries[299] = entryOf(299)
  publish(other, [])
  let reads = 0
  const tile = (path: string) => Promise.resolve(tileOf(reads++ < 5 ? rewritten.log.entries : other.entries, path))
  let asked = 0
  const checkpoint = () => Promise.resolve(asked++ === 0 ? newTestLog(300).checkpoint : other.checkpoint)
  assert.match(await findingOf(rewritten.log, {}, { ...rewritten.source, checkpoint, tile }), /^entry-altered entry 299$/)
})

test('a log that goes back while it is read is found', async () => {
  const log = newTestLog(300)
  let asked = 0
  const checkpoint = () => Promise.resolve(asked++ === 0 ? log.checkpoint : newTestLog(299).checkpoint)
  assert.equal(await findingOf(log, {}, { isLive: true, checkpoint }), 'log-went-back checkpoint 299')
})

test('what cannot be fetched is not called wrong', async () => {
  const broken = new Error('the disk is gone')
  await assert.rejects(verifyLog(memorySource(newTestLog(5), { tile: () => Promise.reject(broken) })), broken)
})

function rootOf(log: TestLog): Buffer {
  return Buffer.from(log.checkpoint!.split('\n')[2]!, 'base64')
}

