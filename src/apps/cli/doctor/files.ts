/** The data directory and its files: whose they are, and who else may look. */
import { lstatSync, readdirSync, statSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../../server/config.ts'
import { credentialFileOf, recoveredFileOf } from '../../server/data-directory.ts'
import { errorCode } from '../private-file.ts'
import { ok, problem, warning, type Check } from './check.ts'

export interface FileFindings {
  readonly checks: readonly Check[]
  /** Whether there is anything to look into. */
  readonly isThere: boolean
}

/** Secrets that lie where the operator put them: whose they are is the operator's choice, too. */
export function checkSecretsOutside({ databaseUrlFile, tls }: Config): readonly Check[] {
  const secrets = [
    ...(databaseUrlFile === null ? [] : [{ path: databaseUrlFile, closed: 0o077, cure: 'chmod 600' }]),
    // A group that may read certificates' keys is a custom of some systems.
    ...(tls === null ? [] : [{ path: tls.keyFile, closed: 0o007, cure: 'chmod o=' }]),
  ]
  return secrets.flatMap(({ path, closed, cure }) => {
    const stats = statOf(path)
    if (typeof stats === 'string') return [problem('files', `${path} cannot be looked at (${stats})`)]
    return (stats.mode & closed) === 0 ? [] : [problem('files', `${path} is open to others (mode ${modeOf(stats)})`, `${cure} ${path}`)]
  })
}

export function checkFiles({ dataDirectory, rootKeyFile }: Config): FileFindings {
  const stats = statOf(dataDirectory)
  if (typeof stats === 'string') {
    const check = stats === 'ENOENT'
      ? warning('data directory', `${dataDirectory} is not there: no server was started with it yet`, 'The first `npm start` makes it. Or name another with --data.')
      : problem('data directory', `${dataDirectory} cannot be looked at (${stats})`, 'Run doctor as the user that runs the server.')
    return { checks: [check], isThere: false }
  }
  if (!stats.isDirectory()) return { checks: [problem('data directory', `${dataDirectory} is not a directory`)], isThere: false }
  let names: readonly string[]
  try {
    names = readdirSync(dataDirectory)
  } catch (error) {
    return { checks: [problem('data directory', `${dataDirectory} cannot be read (${errorCode(error) ?? 'unknown'})`, 'Run doctor as the user that runs the server.')], isThere: false }
  }
  const paths = [...new Set([...names.map((name) => join(dataDirectory, name)), rootKeyFile])]
  const found = paths.flatMap((path) => objectionsTo(path, stats.uid))
  return {
    isThere: true,
    checks: [
      directoryCheck(dataDirectory, stats),
      ...(found.length > 0 ? found : [ok('files', `${names.length} in it, readable by their owner alone`)]),
      ...credentialCheck(dataDirectory),
    ],
  }
}

const modeOf = ({ mode }: Stats): string => (mode & 0o777).toString(8).padStart(4, '0')

function statOf(path: string): Stats | string {
  try {
    return statSync(path)
  } catch (error) {
    return errorCode(error) ?? 'unknown'
  }
}

function directoryCheck(path: string, stats: Stats): Check {
  const uid = process.geteuid?.() ?? stats.uid
  if ((stats.mode & 0o077) !== 0) return problem('data directory', `${path} is open to others (mode ${modeOf(stats)})`, `chmod 700 ${path}`)
  if (stats.uid !== uid && uid !== 0) return problem('data directory', `${path} belongs to user ${stats.uid}, and you are ${uid}`, 'Run doctor as the user that runs the server.')
  return ok('data directory', `${path}, mode ${modeOf(stats)}${stats.uid === uid ? '' : `, of user ${stats.uid}`}`)
}

/** A link is judged by what it leads to: that is what would be read. */
function objectionsTo(path: string, ownerUid: number): readonly Check[] {
  const stats = statOf(path)
  // The root key is missing: that is told by its own check.
  if (typeof stats === 'string') return isLink(path) ? [problem('files', `${path} leads nowhere`)] : []
  const isFolder = stats.isDirectory()
  return [
    ...((stats.mode & 0o077) === 0 ? [] : [problem('files', `${path} is open to others (mode ${modeOf(stats)})`, `chmod ${isFolder ? 700 : 600} ${path}`)]),
    ...(stats.uid === ownerUid ? [] : [problem('files', `${path} belongs to user ${stats.uid}, not to the directory's ${ownerUid}`, `chown ${ownerUid} ${path}`)]),
  ]
}

const isLink = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false

function credentialCheck(dataDirectory: string): readonly Check[] {
  const credentials = [['the first owner\'s credential', credentialFileOf(dataDirectory)], ['a recovered owner\'s credential', recoveredFileOf(dataDirectory)]] as const
  return credentials.filter(([, file]) => typeof statOf(file) !== 'string')
    .map(([what, file]) => warning('owner', `${what} still lies in ${file}`, `\`claviger login --credential-file ${file}\`, then remove it.`))
}
