/** On a real file system that is really full, or really read-only: a small tmpfs, which only root may mount. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { boxesOf, put, entriesOf, entry, insertBox, testMigration, updateBox } from '../conformance/harness.ts'
import type { Storage } from '../storage.ts'
import { openSqlite } from './open-sqlite.ts'

const mebibyte = 1024 * 1024

function mountSmallDisk(): string | { readonly skip: string } {
  const directory = mkdtempSync(join(tmpdir(), 'claviger-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'tmpfs', directory], { stdio: 'pipe' })
    return directory
  } catch (error) {
    rmdirSync(directory)
    return { skip: `cannot mount a tmpfs: ${String(error).split('\n')[0]}` }
  }
}

function unmount(directory: string): void {
  execFileSync('umount', [directory])
  rmdirSync(directory)
}

const probe = mountSmallDisk()
const skip = typeof probe === 'string' ? false : probe.skip
if (typeof probe === 'string') unmount(probe)

const open = (directory: string, inline: boolean): Promise<Storage> =>
  openSqlite({ path: join(directory, 'test.db'), migrations: [testMigration], inline })

/** Until not a byte is left. */
function fill(path: string): void {
  for (let chunk = mebibyte; chunk >= 1; ) {
    try {
      appendFileSync(path, Buffer.alloc(chunk, 1))
    } catch {
      chunk = Math.floor(chunk / 2)
    }
  }
}

const large = { content: Buffer.alloc(mebibyte, 7) }

/** A storage on a disk of its own, and whoever keeps filling that disk. */
async function onSmallDisk(inline: boolean, work: (disk: { path: string; storage: Storage; fill: () => void; free: () => void; reserveBytes: () => number }) => Promise<void>) {
  const directory = mountSmallDisk() as string
  const storage = await open(directory, inline)
  const filler = join(directory, 'filler')
  try {
    await work({ path: join(directory, 'test.db'), storage, fill: () => fill(filler), free: () => rmSync(filler), reserveBytes: () => statSync(join(directory, 'test.db.reserve')).size })
  } finally {
    await storage.close()
    unmount(directory)
  }
}

const take = (storage: Storage, id: string, version: number, entryId: string) =>
  put(storage, { writes: [updateBox(id, version)], appends: [entry(entryId)], takesAway: true })

for (const inline of [false, true]) {
  const where = inline ? 'in process' : 'in a thread'

  test(`${where}: when the disk is full, grants wait, revocations go on, nothing is lost`, { skip }, () => onSmallDisk(inline, async ({ storage, fill, free, reserveBytes }) => {
    await put(storage, { writes: [insertBox('a'), insertBox('b')], appends: [entry('ent_1')] })
    fill()
    // In one flush: the grant is refused, the revocation beside it is applied.
    const [grant, revocation] = await Promise.allSettled([
      put(storage, { writes: [insertBox('c', large)], appends: [entry('ent_c')] }),
      take(storage, 'a', 2, 'ent_2'),
    ])
    assert.ok(grant?.status === 'rejected' && grant.reason.code === 'storage/full', String(grant?.status))
    assert.equal(revocation?.status, 'fulfilled')
    assert.ok(reserveBytes() < 12 * mebibyte, `${reserveBytes()} are left`)
    await assert.rejects(put(storage, { writes: [insertBox('d')] }), { code: 'storage/full' })
    for (let version = 2; version < 200; version++) await take(storage, 'b', version, `ent_${version + 1}`)
    free()
    await sleep(1_100)
    await put(storage, { writes: [insertBox('e', large)], appends: [entry('ent_201')] })
    assert.equal(reserveBytes(), 12 * mebibyte)
    assert.deepEqual((await boxesOf(storage)).map((row) => [row.id, row.version]), [['a', 2], ['b', 199], ['e', 1]])
    const entries = await entriesOf(storage, 201)
    assert.deepEqual(entries.map((row) => row.id), Array.from({ length: 201 }, (_, index) => `ent_${index + 1}`))
  }))

  test(`${where}: grants that are refused leave the reserve alone, so that whoever fills the disk next gets none of it`, { skip }, () => onSmallDisk(inline, async ({ storage, fill, reserveBytes }) => {
    await put(storage, { writes: [insertBox('a')] })
    fill()
    for (let turn = 0; turn < 3; turn++) {
      await assert.rejects(put(storage, { writes: [insertBox(`c${turn}`, large)] }), { code: 'storage/full' })
      fill()
    }
    assert.equal(reserveBytes(), 12 * mebibyte)
    await take(storage, 'a', 2, 'ent_1')
  }))

  test(`${where}: revocations go on while somebody else takes every byte that becomes free`, { skip }, () => onSmallDisk(inline, async ({ storage, fill, reserveBytes }) => {
    await put(storage, { writes: [insertBox('a')] })
    fill()
    for (let version = 2; version <= 500; version++) {
      await take(storage, 'a', version, `ent_${version}`)
      fill()
    }
    assert.ok(reserveBytes() > 10 * mebibyte, `what was used is used again: ${reserveBytes()} are left`)
  }))

  test(`${where}: a log that is as long as it gets uses nothing up that revocations need`, { skip }, () => onSmallDisk(inline, async ({ storage, fill, reserveBytes }) => {
    await put(storage, { writes: [insertBox('a')] })
    // All of it new to the database, and none of it moved yet.
    for (let turn = 0; turn < 7; turn++) await put(storage, { writes: [insertBox(`b${turn}`, large)] })
    fill()
    for (let version = 2; version <= 500; version++) {
      await take(storage, 'a', version, `ent_${version}`)
      fill()
    }
    assert.ok(reserveBytes() >= 4 * mebibyte, `${reserveBytes()} are left`)
  }))

  test(`${where}: a log that is longer than there is room to move is not moved half, and revocations go on`, { skip }, () => onSmallDisk(inline, async ({ path, storage, fill, free, reserveBytes }) => {
    await put(storage, { writes: [insertBox('a')] })
    // Whoever reads all the while keeps the log from being moved.
    const reader = new DatabaseSync(path, { readOnly: true })
    reader.exec('BEGIN; SELECT count(*) FROM boxes')
    for (let turn = 0; turn < 14; turn++) await put(storage, { writes: [insertBox(`b${turn}`, large)] })
    fill()
    reader.close()
    for (let version = 2; version <= 30; version++) {
      await take(storage, 'a', version, `ent_${version}`)
      fill()
    }
    free()
    await sleep(1_100)
    await put(storage, { writes: [insertBox('c')] })
    assert.equal(reserveBytes(), 12 * mebibyte)
  }))
}

test('a server that starts on a disk without a free byte still revokes', { skip }, async () => {
  const directory = mountSmallDisk() as string
  try {
    const before = await open(directory, false)
    await put(before, { writes: [insertBox('a')] })
    await before.close()
    fill(join(directory, 'filler'))
    const storage = await open(directory, false)
    await assert.rejects(put(storage, { writes: [insertBox('b')] }), { code: 'storage/full' })
    await take(storage, 'a', 2, 'ent_1')
    await storage.close()
  } finally {
    unmount(directory)
  }
})

test('a server that starts on a full disk without its reserve still revokes', { skip }, async () => {
  const directory = mountSmallDisk() as string
  try {
    const before = await open(directory, false)
    await put(before, { writes: [insertBox('a')] })
    await before.close()
    rmSync(join(directory, 'test.db.reserve'))
    fill(join(directory, 'filler'))
    // What a log rotation frees, say: enough to write in, not enough for a reserve.
    execFileSync('truncate', ['-s', `-${mebibyte}`, join(directory, 'filler')])
    const storage = await open(directory, false)
    await assert.rejects(put(storage, { writes: [insertBox('b')] }), { code: 'storage/full' })
    await put(storage, { writes: [updateBox('a', 2)], takesAway: true })
    await storage.close()
  } finally {
    unmount(directory)
  }
})

test('a database on a disk that cannot be written is refused as read-only', { skip }, async () => {
  const directory = mountSmallDisk() as string
  try {
    await (await open(directory, false)).close()
    execFileSync('mount', ['-o', 'remount,ro', directory])
    await assert.rejects(open(directory, false), { code: 'storage/read-only' })
  } finally {
    unmount(directory)
  }
})
