/**
 * `claviger owner recover`: a way in again when every owner's credential is lost or over. It speaks to no server; it works
 * on the data itself, which takes the root key.
 *
 * @module
 */
import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { Fault } from '#core/base/fault'
import { CommitConflict } from '#core/storage/commit'
import type { RecoveredOwner } from '#cap/principals'
import { ClockAheadError } from '../../server/clock-ahead.ts'
import { ConfigError, type Config } from '../../server/config.ts'
import { leaveRecoveryNote, recoveredFileOf } from '../../server/data-directory.ts'
import { recoverInstance } from '../../server/recover-instance.ts'
import { CliError, exitCodes, usageError, type ExitName } from '../exit.ts'
import { writeJson } from '../operations/answer.ts'
import { errorCode, reserveSecretFile } from '../private-file.ts'
import { defaultUrl } from '../profile/connection.ts'
import { writeRecord } from '../render/record.ts'
import { serverConfig, type ConfigOptions } from '../server-config.ts'
import type { Session } from '../session.ts'
import { note } from '../terminal.ts'

export interface RecoverOptions extends ConfigOptions {
  readonly workspace?: string
  readonly secretFile?: string
  readonly json?: boolean
  readonly quiet?: boolean
}

/** @returns the exit code */
export async function recoverOwnerHere({ terminal, environment, nowMs }: Session, options: RecoverOptions): Promise<number> {
  const config = readConfig(options, environment)
  requirePlace(config)
  const file = resolve(options.secretFile ?? recoveredFileOf(config.dataDirectory))
  const secretFile = reserveSecretFile(file)
  let recovered: RecoveredOwner
  try {
    recovered = await recoverInstance(config, { workspaceId: options.workspace ?? null, deliver: (secret) => secretFile.keep(secret) })
  } catch (error) {
    secretFile.discard()
    throw explained(error)
  }
  try {
    leaveRecoveryNote(config.dataDirectory, recovered)
  } catch (error) {
    note(terminal, `the next start of the server will not warn of this: no note could be left for it (${errorCode(error) ?? 'unknown'})`)
  }
  const { workspaceId, principalId, keyId, expiresAt, isNew } = recovered
  if (options.json === true) writeJson(terminal.out, { workspaceId, principalId, keyId, expiresAt, isNew, file }, null, false)
  else if (options.quiet === true) terminal.out.line(keyId)
  else {
    writeRecord(terminal.out, { workspaceId, owner: `${principalId}${isNew ? ' (new: no owner was active)' : ''}`, credential: keyId, expiresAt, writtenTo: file }, nowMs())
    terminal.out.line()
    for (const line of ['The audit log says so, in an entry `owner.recovered`. Now start the server, and', `  claviger login ${whereOf(config)}--credential-file ${file}`, 'then remove the file.']) terminal.out.line(line)
  }
  return exitCodes.ok.code
}

/** The flag that a login takes where the server will not listen at the usual address. */
function whereOf({ listen: { host, port }, tls }: Config): string {
  const url = port === 0 || isWildcard.has(host) ? 'URL' : `${tls === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`
  return url === defaultUrl ? '' : `--url ${url} `
}

const isWildcard: ReadonlySet<string> = new Set(['0.0.0.0', '::'])

function readConfig(options: ConfigOptions, environment: Session['environment']): Config {
  try {
    return serverConfig(options, environment)
  } catch (error) {
    if (error instanceof ConfigError) throw usageError(error.message)
    throw error
  }
}

/** Nothing is made here that is not there, and nothing is left that the server's user could not read. */
function requirePlace({ dataDirectory, database }: Config): void {
  const isThere = existsSync(dataDirectory) && (database.engine === 'postgres' || existsSync(database.path))
  if (!isThere) throw usageError(`There is no data in ${dataDirectory}.`, 'Name the data directory of the server with --data, or its configuration with --config.')
  const { uid } = statSync(dataDirectory)
  const own = process.geteuid?.() ?? uid
  if (own !== uid) throw new CliError('denied', `${dataDirectory} belongs to user ${uid}, and you are ${own}.`, ['Run this as the user that runs the server.'])
}

const exits: Readonly<Record<string, ExitName>> = {
  'storage/locked': 'conflict', 'principals/workspace-not-found': 'notFound', 'principals/already-revoked': 'conflict', 'storage/unavailable': 'unavailable',
}

function explained(error: unknown): unknown {
  if (error instanceof CommitConflict) return new CliError('conflict', 'Another server changed the same rows at this moment. Nothing was done.', ['Run it again.'])
  if (error instanceof ClockAheadError) return new CliError('failed', error.message)
  if (errorCode(error) === 'ENOSPC') return new CliError('failed', 'The disk is full, and the credential could not be written. Nothing was done.', ['Free space, or name a file elsewhere with --secret-file.'])
  if (!(error instanceof Fault)) return error
  if (error.code === 'storage/locked') return new CliError('conflict', 'A server runs on this data directory. Nothing was done.', ['Stop it first: nobody else may write beside it.'])
  return new CliError(exits[error.code] ?? 'failed', error.detail, [`(${error.code}; docs/errors/${error.code}.md says more)`])
}
