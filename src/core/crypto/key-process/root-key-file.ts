/**
 * The file that holds the root key: one line, `claviger-root-key-v1:<key>:<checksum>`, mode 0600.
 *
 * The key is 32 bytes as base64url; the checksum is the first 8 hexadecimal digits of the SHA-256 of everything before
 * it and its colon, so a file that was cut or mistyped is noticed before anything is encrypted under a wrong key.
 * The launcher opens the file and judges who may read it, but never reads it; the key process reads what it is handed.
 *
 * @module
 */
import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, statSync, unlinkSync, writeSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { dirname } from 'node:path'
import { assert } from '#core/base/assert'
import type { Random } from '#core/base/id'
import { keyLength, zero } from '../aead.ts'
import { cryptoFaults } from '../faults.ts'
import { sha256 } from '../hash.ts'

const shape = /^(claviger-root-key-v1:([\w-]{43})):([0-9a-f]{8})\n?$/
const fileLengthMax = 128

/**
 * Opens the file for reading, if nobody else may read it. The descriptor is the caller's to close.
 *
 * @returns null when there is no such file
 * @throws Fault `crypto/root-key-refused`, its detail naming the cure
 */
export function openRootKeyFile(path: string): number | null {
  let fd: number
  try {
    // Not blocking: opening a FIFO would wait for somebody to write to it.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw cryptoFaults['root-key-refused'](`The root-key file ${path} cannot be opened.`, { cause: error })
  }
  const objection = objectionTo(fstatSync(fd), path)
  if (objection === null) return fd
  closeSync(fd)
  throw cryptoFaults['root-key-refused'](objection)
}

/** Judges the file that was opened, not the path: the path may name another file by now. */
function objectionTo(stats: Stats, path: string): string | null {
  const uid = process.geteuid?.() ?? stats.uid
  if (!stats.isFile()) return `The root-key file ${path} is not a regular file.`
  if (stats.uid !== uid) {
    return `The root-key file ${path} belongs to user ${stats.uid}, this is user ${uid}. Run: chown ${uid} ${path}`
  }
  if ((stats.mode & 0o077) !== 0) {
    const mode = (stats.mode & 0o777).toString(8).padStart(4, '0')
    return `The root-key file ${path} is open to others (mode ${mode}). Run: chmod 600 ${path}`
  }
  return null
}

/**
 * Takes away an empty file, which a first start left that was killed before its key stood in it. Only where nothing was
 * ever encrypted: elsewhere an empty file is a loss, and to be restored.
 *
 * @param fd of the file, as `openRootKeyFile` gave it; closed when the file was taken away
 */
export function removeEmptyRootKeyFile(fd: number, path: string): boolean {
  if (fstatSync(fd).size > 0) return false
  closeSync(fd)
  unlinkSync(path)
  return true
}

/**
 * Makes the empty file of a first start. The descriptor is the caller's to close.
 *
 * @throws Fault `crypto/root-key-refused` when it cannot be made, or there is one already
 */
export function createRootKeyFile(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
  } catch (error) {
    const detail = `The root-key file ${path} cannot be made. Its directory must exist and be writable.`
    throw cryptoFaults['root-key-refused'](detail, { cause: error })
  }
}

/**
 * Puts a new file and its name on disk. Nothing may be encrypted under its key before: a power loss could take the
 * file, and with it everything. (The key process may not call fsync itself; Node's permission model has no such grant.)
 *
 * @throws Fault `crypto/root-key-refused` when another start has put a file of its own in the place
 */
export function syncRootKeyFile(fd: number, path: string): void {
  fsyncSync(fd)
  if (statSync(path, { throwIfNoEntry: false })?.ino !== fstatSync(fd).ino) {
    throw cryptoFaults['root-key-refused'](`Another start made the root-key file ${path} at the same moment. Start again.`)
  }
  const directory = openSync(dirname(path), constants.O_RDONLY)
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

/** Generates a root key and writes it to the empty file. It is not on disk yet: `syncRootKeyFile`. */
export function generateRootKey(fd: number, random: Random): Buffer {
  const key = random.bytes(keyLength)
  const line = Buffer.from(encodeRootKey(key), 'latin1')
  const written = writeSync(fd, line)
  assert(written === line.length, 'C7: a root key is stored whole before it is used')
  zero(line)
  return key
}

/** @throws Fault `crypto/root-key-damaged` */
export function readRootKey(fd: number): Buffer {
  const buffer = Buffer.alloc(fileLengthMax)
  const length = readSync(fd, buffer, 0, fileLengthMax, 0)
  try {
    return decodeRootKey(buffer.toString('latin1', 0, length))
  } finally {
    zero(buffer)
  }
}

/** The file's content. A string, which cannot be wiped: made only where the key itself lives. */
export function encodeRootKey(key: Uint8Array): string {
  const body = `claviger-root-key-v1:${Buffer.from(key).toString('base64url')}`
  return `${body}:${checksum(body)}\n`
}

/** @throws Fault `crypto/root-key-damaged` */
export function decodeRootKey(text: string): Buffer {
  const [, body, key, sum] = shape.exec(text) ?? []
  if (body === undefined || key === undefined || checksum(body) !== sum) {
    throw cryptoFaults['root-key-damaged']('The root-key file is empty, cut short or altered.')
  }
  return Buffer.from(key, 'base64url')
}

const checksum = (body: string): string => sha256(Buffer.from(body, 'latin1')).toString('hex').slice(0, 8)
