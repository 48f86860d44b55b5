import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyRoot } from '@claviger/verifier'
import {
  entriesPath, entryOf, findingOf, flip, growing, memorySource, newSigners, newTestLog, origin, publish, rowOf,
  signCheckpoint, signers, startMs, tampered, testLogSize as size, tileOf, tilePath, vkeysOf, workspaceId,
  type TestLog,
} from './fixtures.ts'
import { verifyLog } from './verify-log.ts'

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
  assert.equal(await findingOf(empty, {}, { leaves: undefined as never }), 'checkpoint-missing log', 'nobody can see that it is new')
  let asked = 0
  assert.equal(await tampered(() => {}, {}, { checkpoint: () => Promise.resolve(asked++ === 0 ? newTestLog(size).checkpoint : null) }), 'checkpoint-missing log', 'lost while it was read')
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
  assert.equal(await tampered((log) => (log.vkeys = ['one', 'other'])), 'keys-malformed log')
  assert.equal(await tampered((log) => (log.vkeys = [])), 'keys-malformed log')
  assert.equal(await tampered((log) => (log.vkeys[0] = 'key')), 'keys-malformed log')
  assert.equal(await tampered((log) => (log.vkeys[0] = vkeysOf(signers, `${origin}x`)[0]!)), 'keys-malformed log')
  assert.equal(await tampered((log) => (log.vkeys = vkeysOf(signers, 'elsewhere'))), 'keys-malformed log')
  assert.equal(await tampered(() => {}, { workspaceId: 'wsp_fedcba9876543210' }), 'keys-of-another-log log')
  assert.equal(await tampered(() => {}, { workspaceId, vkeys: vkeysOf(signers) }), 'ok')
  assert.equal((await verifyLog(memorySource(newTestLog(5)), { vkeys: vkeysOf(signers) })).keysFrom, 'options')
})

test('the history is part of the check: order, signatures, and the root at every size', async () => {
  assert.equal(await tampered((log) => log.history.reverse()), 'checkpoint-out-of-order checkpoint 256')
  assert.equal(await tampered((log) => log.history.splice(2, 0, log.history[2]!)), 'ok', 'signed twice')
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
  assert.equal(await tampered((log) => {
    shortened(log)
    log.rows = newTestLog(20).rows
  }, { lastSeen: later.checkpoint! }), 'log-went-back checkpoint 400', 'that comes first, whatever else is wrong')
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
  assert.equal(await findingOf(log, { lastSeen: signCheckpoint(0, emptyRoot) }), 'ok')
  assert.equal(await findingOf(log, { lastSeen: signCheckpoint(0, rootOf(log)) }), 'log-forked checkpoint 0')
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

test('a log that grows while it is read passes: later entries explain the rows, the blocks and the history', async () => {
  for (const [from, to] of [[5, 8], [10, 11], [49, 50], [49, 51], [58, 64], [100, 300], [255, 257], [256, 600]] as const) {
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

test('a log that ends below what was seen has gone back, whatever it showed at first', async () => {
  let asked = 0
  const checkpoint = () => Promise.resolve(newTestLog(asked++ === 0 ? 310 : 300).checkpoint)
  const startCheckpoint = () => Promise.resolve(newTestLog(290).checkpoint)
  const found = (seen: number) => {
    asked = 0
    return findingOf(newTestLog(300), { lastSeen: newTestLog(seen).checkpoint! }, { checkpoint, startCheckpoint })
  }
  assert.equal(await found(300), 'ok')
  assert.equal(await found(305), 'log-went-back checkpoint 300')
})

test('what cannot be fetched is not called wrong', async () => {
  const broken = new Error('the disk is gone')
  await assert.rejects(verifyLog(memorySource(newTestLog(5), { tile: () => Promise.reject(broken) })), broken)
})

function rootOf(log: TestLog): Buffer {
  return Buffer.from(log.checkpoint!.split('\n')[2]!, 'base64')
}
