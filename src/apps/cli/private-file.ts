/**
 * Files that only their owner may read: credentials, and checkpoints that must not be swapped.
 *
 * @module
 */
import { closeSync, constants, fstatSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { CliError } from './exit.ts'

export const errorCode = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

/** The file's text, or null when there is none. @throws CliError when others may read or write it */
export function readPrivate(path: string): string | null {
  let descriptor: number
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return null
    throw new CliError('failed', `${path} cannot be read (${errorCode(error) ?? 'unknown'}).`)
  }
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile()) throw new CliError('failed', `${path} is not a regular file.`)
    if ((stats.mode & 0o077) !== 0) {
      throw new CliError('failed', `${path} is open to others (mode ${(stats.mode & 0o777).toString(8)}).`, [`Run: chmod 600 ${path}`])
    }
    return readFileSync(descriptor, 'utf8')
  } finally {
    closeSync(descriptor)
  }
}

/** Replaces the file as a whole, or leaves the one before: there is no moment with half of it. */
export function writePrivate(path: string, text: string): void {
  const directory = dirname(path)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const temporary = `${path}.${process.pid}.new`
  rmSync(temporary, { force: true })
  try {
    writeNew(temporary, text)
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  const opened = openSync(directory, constants.O_RDONLY)
  fsyncSync(opened)
  closeSync(opened)
}

function writeNew(path: string, text: string): void {
  const descriptor = openSync(path, 'wx', 0o600)
  try {
    writeSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** A file for a secret that is about to be made, so that it cannot fail once the secret is there. */
export interface SecretFile {
  keep(secret: string): void
  /** Takes the file away again, whatever is in it. */
  discard(): void
}

/** @throws CliError when there is a file of that name already, or it cannot be made */
export function reserveSecretFile(path: string): SecretFile {
  let descriptor: number
  try {
    descriptor = openSync(path, 'wx', 0o600)
  } catch (error) {
    const reasons: Readonly<Record<string, string>> = { EEXIST: 'there is one already, and it is not overwritten', ENOENT: 'there is no such directory', EACCES: 'permission denied' }
    const code = errorCode(error) ?? 'unknown'
    throw new CliError('usage', `The secret file ${path} cannot be made: ${reasons[code] ?? code}.`, ['Nothing was done.'])
  }
  let isOpen = true
  const close = (): void => {
    if (isOpen) closeSync(descriptor)
    isOpen = false
  }
  return {
    keep(secret) {
      writeSync(descriptor, `${secret}\n`)
      fsyncSync(descriptor)
      close()
    },
    discard() {
      close()
      rmSync(path, { force: true })
    },
  }
}
