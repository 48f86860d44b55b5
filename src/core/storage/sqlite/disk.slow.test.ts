/** On a real file system that is really full, or really read-only: a small tmpfs, which only root may mount. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdtempSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { boxesOf, put, entriesOf, entry, insertBox, testMigration, updateBox } from '../conformance/harness.ts'
import type { Storage } from '../storage.ts'
import { openSqlite } from './open-sqlite.ts'

const mebibyte = 1024 * 1024

function mountSmallDisk(): string | { readonly skip: string } {
  const directory = mkdtempSync(join(tmpdir(), 'claviger-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', directory], { stdio: 'pipe' })
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

for (const inline of [false, true]) {
  const where = inline ? 'in process' : 'in a thread'

  test(`${where}: when the disk is full, grants wait, revocations go on, nothing is lost`, { skip }, async () => {
    const directory = mountSmallDisk() as string
    const reserve = join(directory, 'test.db.reserve')
    const filler = join(directory, 'filler')
    const storage = await open(directory, inline)
    try {
      await put(storage, { writes: [insertBox('a'), insertBox('b')], appends: [entry('ent_1')] })
      fill(filler)
      // In one flush: the grant is refused, the revocation beside it is applied.
      const [grant, revocation] = await Promise.allSettled([
        put(storage, { writes: [insertBox('c', large)], appends: [entry('ent_c')] }),
        put(storage, { writes: [updateBox('a', 2)], appends: [entry('ent_2')], takesAway: true }),
      ])
      assert.ok(grant?.status === 'rejected' && grant.reason.code === 'storage/full', String(grant?.status))
      assert.equal(revocation?.status, 'fulfilled')
      assert.equal(existsSync(reserve), false)
      await assert.rejects(put(storage, { writes: [insertBox('d')] }), { code: 'storage/full' })
      for (let version = 2; version < 200; version++) {
        const appends = [entry(`ent_${version + 1}`)]
        await put(storage, { writes: [updateBox('b', version)], appends, takesAway: true })
      }
      rmSync(filler)
      await sleep(1_100)
      await put(storage, { writes: [insertBox('e', large)], appends: [entry('ent_201')] })
      assert.equal(statSync(reserve).size, 4 * mebibyte)
      assert.deepEqual((await boxesOf(storage)).map((row) => [row.id, row.version]), [['a', 2], ['b', 199], ['e', 1]])
      const entries = await entriesOf(storage, 201)
      assert.deepEqual(entries.map((row) => row.id), Array.from({ length: 201 }, (_, index) => `ent_${index + 1}`))
    } finally {
      await storage.close()
      unmount(directory)
    }
  })
}

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
