/** Room on the disk that the data lies on. */
import { statfsSync } from 'node:fs'
import type { Config } from '../../server/config.ts'
import { errorCode } from '../private-file.ts'
import { ok, problem, warning, type Check } from './check.ts'

const megabyte = 1024 * 1024

export function checkDisk({ dataDirectory }: Config): Check {
  try {
    const { bavail, bsize } = statfsSync(dataDirectory)
    return judge(bavail * bsize)
  } catch (error) {
    return warning('disk', `its free space cannot be asked (${errorCode(error) ?? 'unknown'})`)
  }
}

export function judge(freeBytes: number): Check {
  const free = freeBytes < 10 * 1024 * megabyte ? `${Math.floor(freeBytes / megabyte).toLocaleString('en')} MB free` : `${Math.floor(freeBytes / megabyte / 1024).toLocaleString('en')} GB free`
  const cure = 'Make room. On a full disk only revoking, disabling and erasing go on.'
  if (freeBytes < 100 * megabyte) return problem('disk', free, cure)
  return freeBytes < 1024 * megabyte ? warning('disk', free, cure) : ok('disk', free)
}
