import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, closeSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { systemRandom } from '../random.ts'
import { createRootKeyFile, generateRootKey, openRootKeyFile, removeEmptyRootKeyFile, syncRootKeyFile } from './root-key-file.ts'
import { decodeRootKey, encodeRootKey, readRootKey } from './root-key-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'claviger-root-key-'))
after(() => rmSync(folder, { recursive: true }))
const asRoot = { skip: process.getuid?.() === 0 ? false : 'needs root, to give a file away' }
const refused = (cure: RegExp) => ({ code: 'crypto/root-key-refused', detail: cure })

test('a generated root key is read back from its file', () => {
  const path = join(folder, 'new')
  const created = createRootKeyFile(path)
  const key = generateRootKey(created, systemRandom)
  closeSync(created)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.match(readFileSync(path, 'latin1'), /^claviger-root-key-v1:[\w-]{43}:[0-9a-f]{8}\n$/)
  const fd = openRootKeyFile(path)!
  assert.deepEqual(readRootKey(fd), key)
  closeSync(fd)
})

test('a file that exists is never made anew', () => {
  const path = join(folder, 'exists')
  writeFileSync(path, '', { mode: 0o600 })
  assert.throws(() => createRootKeyFile(path), refused(/cannot be made/))
})

test('only an empty file is taken away to be made anew', () => {
  const path = join(folder, 'empty')
  for (const [content, isTaken] of [['', true], ['\n', false], [encodeRootKey(systemRandom.bytes(32)), false]] as const) {
    writeFileSync(path, content, { mode: 0o600 })
    const fd = openRootKeyFile(path)!
    assert.equal(removeEmptyRootKeyFile(fd, path), isTaken)
    assert.equal(existsSync(path), !isTaken)
    if (!isTaken) closeSync(fd)
  }
})

test('a new file counts only while it still stands in its place', () => {
  const path = join(folder, 'raced')
  const created = createRootKeyFile(path)
  generateRootKey(created, systemRandom)
  syncRootKeyFile(created, path)
  rmSync(path)
  assert.throws(() => syncRootKeyFile(created, path), refused(/Start again/))
  const other = createRootKeyFile(path)
  assert.throws(() => syncRootKeyFile(created, path), refused(/Start again/))
  closeSync(created)
  closeSync(other)
})

test('a file whose directory is missing is not made, and the cure is named', () => {
  assert.throws(() => createRootKeyFile(join(folder, 'no-such-directory/root-key')), refused(/directory must exist/))
})

test('a file cut short, altered in any character or empty is noticed', () => {
  const line = encodeRootKey(systemRandom.bytes(32))
  const damaged = { code: 'crypto/root-key-damaged' }
  // Without its line end the line is still whole.
  for (let length = 0; length < line.length - 1; length++) {
    assert.throws(() => decodeRootKey(line.slice(0, length)), damaged, `${length} characters`)
  }
  for (let at = 0; at < line.length - 1; at++) {
    const changed = line.slice(0, at) + (line[at] === '0' ? '1' : '0') + line.slice(at + 1)
    assert.throws(() => decodeRootKey(changed), damaged, `character ${at}`)
  }
  assert.throws(() => decodeRootKey(`${line}x`), damaged)
})

test('a file that others may read or write is refused, and the cure is named', () => {
  const path = join(folder, 'wide')
  writeFileSync(path, encodeRootKey(systemRandom.bytes(32)))
  for (const mode of [0o640, 0o604, 0o660, 0o602, 0o644, 0o777]) {
    chmodSync(path, mode)
    assert.throws(() => openRootKeyFile(path), refused(/chmod 600 .*wide/), mode.toString(8))
  }
  for (const mode of [0o600, 0o400]) {
    chmodSync(path, mode)
    closeSync(openRootKeyFile(path)!)
  }
})

test('a file of another owner is refused, and the cure is named', asRoot, () => {
  const path = join(folder, 'foreign')
  writeFileSync(path, '', { mode: 0o600 })
  chownSync(path, 65_533, 65_533)
  assert.throws(() => openRootKeyFile(path), refused(/chown 0 .*foreign/))
})

test('what is not a file is refused without waiting for it', () => {
  assert.throws(() => openRootKeyFile(folder), refused(/regular file/))
  const fifo = join(folder, 'fifo')
  execFileSync('mkfifo', ['-m', '600', fifo])
  assert.throws(() => openRootKeyFile(fifo), refused(/regular file/))
})

test('a missing file is told apart from one that cannot be opened', () => {
  assert.equal(openRootKeyFile(join(folder, 'missing')), null)
  const path = join(folder, 'new-parent')
  writeFileSync(path, '')
  assert.throws(() => openRootKeyFile(join(path, 'below-a-file')), refused(/cannot be opened/))
})
