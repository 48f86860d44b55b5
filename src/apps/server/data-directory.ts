/**
 * The data directory: made for its owner alone, and kept so.
 *
 * @module
 */
import { closeSync, fsyncSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ConfigError } from './config.ts'

export const credentialFileOf = (dataDirectory: string): string => join(dataDirectory, 'owner-credential')

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
