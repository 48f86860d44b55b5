/**
 * The data directory: made for its owner alone, and kept so.
 *
 * @module
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ConfigError } from './config.ts'

export const credentialFileOf = (dataDirectory: string): string => join(dataDirectory, 'owner-credential')
/** Where a recovery writes unless it is told otherwise. */
export const recoveredFileOf = (dataDirectory: string): string => join(dataDirectory, 'recovered-credential')

/** @throws ConfigError when it cannot be made, is no directory, or others may look into it */
export function prepareDataDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new ConfigError(`The data directory ${path} cannot be made (${(error as NodeJS.ErrnoException).code}). Make it yourself, or name another as \`dataDirectory\`.`)
  }
  const stats = statSync(path)
  if (!stats.isDirectory()) throw new ConfigError(`${path} is not a directory. Name another as \`dataDirectory\`.`)
  if ((stats.mode & 0o077) !== 0) {
    throw new ConfigError(`The data directory ${path} is open to others (mode 0${(stats.mode & 0o777).toString(8)}). Run: chmod 700 ${path}`)
  }
}

const recoveryNoteOf = (dataDirectory: string): string => join(dataDirectory, 'owner-recovered')

/** For the next start, which tells of it. The audit log has the entry, whatever becomes of this file. */
export const leaveRecoveryNote = (dataDirectory: string, { workspaceId, principalId, keyId }: { workspaceId: string; principalId: string; keyId: string }): void =>
  writeFileSync(recoveryNoteOf(dataDirectory), `${workspaceId} ${principalId} ${keyId}\n`, { mode: 0o600, flag: 'a' })

/** What recoveries left since the last start; told once. */
export function takeRecoveryNotes(dataDirectory: string): readonly { readonly workspaceId: string; readonly principalId: string; readonly keyId: string }[] {
  const file = recoveryNoteOf(dataDirectory)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return []
  }
  try {
    rmSync(file, { force: true })
  } catch {
    // A disk that cannot be written keeps it, and it is told again.
  }
  return text.trim().split('\n').map((line) => {
    const [workspaceId = '', principalId = '', keyId = ''] = line.split(' ')
    return { workspaceId, principalId, keyId }
  })
}

/** Puts the first owner's credential where its owner finds it, and nowhere else: on disk, whole, before it counts. */
export function writeCredential(file: string, secret: string): void {
  rmSync(file, { force: true })
  const descriptor = openSync(file, 'wx', 0o600)
  try {
    writeSync(descriptor, `${secret}\n`)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  const directory = openSync(dirname(file), 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}
