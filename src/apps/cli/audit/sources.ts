/**
 * From what was named on the command line to the logs it holds: an exported directory, a data directory, or a server.
 *
 * @module
 */
import { existsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Fault } from '#core/base/fault'
import { revealSecret } from '#core/base/secret'
import { startKeyProcess, type KeyProcess } from '#core/crypto/key-process/client'
import { systemRandom } from '#core/crypto/random'
import { createKeyring, logKey, rowMacKey, type Keyring } from '#core/keyring/keyring'
import { createRowGuard, type RowGuard } from '#core/storage/row-guard'
import { inspectSqlite, type Inspection } from '#core/storage/sqlite/inspect'
import { createLogKeys, directorySource, httpSource, storageSource, storedBlock, type BlockRecord, type LogSource } from '#cap/audit'
import type { KeysDatabase } from '#cap/keys'
import { keyProcessProgram } from '../../key-process/program.ts'
import { Client } from '../client.ts'
import { CliError, usageError } from '../exit.ts'
import { connectionFor, type CommonOptions } from '../profile/connection.ts'
import { resolveId } from '../operations/names.ts'
import type { Session } from '../session.ts'

/** One log to be checked. */
export interface NamedLog {
  /** Where it is, for people. */
  readonly name: string
  /** Whose it must be; null where only its keys say. */
  readonly workspaceId: string | null
  readonly source: LogSource
  /** Whether whoever keeps it can sign checkpoints now; absent where nobody is asked. */
  isReady?(): Promise<boolean>
}

export interface OpenedLogs {
  readonly logs: readonly NamedLog[]
  close(): Promise<void>
}

export interface SourceOptions extends CommonOptions {
  readonly workspace?: string
}

/** @param vkeysOf keys that are known of a log; null when none are */
export async function openLogs(
  session: Session, named: string | undefined, options: SourceOptions, vkeysOf: (workspaceId: string) => readonly string[] | null,
): Promise<OpenedLogs> {
  if (named === undefined || named.includes('://')) return openServer(session, named === undefined ? options : { ...options, url: named })
  const stats = statSync(named, { throwIfNoEntry: false })
  if (stats === undefined) throw usageError(`There is no ${named}.`, 'Name an exported directory, a data directory, or the address of a server.')
  const directory = resolve(stats.isDirectory() ? named : dirname(named))
  if (existsSync(join(directory, databaseName))) return openData(directory, options.workspace ?? null, vkeysOf)
  if (existsSync(join(directory, 'keys'))) return openExport(directory, options.workspace ?? null)
  if (existsSync(join(directory, 'root.key'))) {
    throw usageError(`${named} has no database in it.`, 'Where that is PostgreSQL, the log is checked at the server: claviger audit verify https://…')
  }
  throw usageError(`${named} is neither an exported log nor a data directory.`, 'An export holds `keys` and `checkpoint`, a data directory `claviger.db`.')
}

const databaseName = 'claviger.db'
const isWorkspaceId = (text: string): boolean => /^wsp_[0-9A-Za-z]{16}$/.test(text)

export async function openServer(session: Session, options: SourceOptions): Promise<OpenedLogs & { readonly logs: readonly [NamedLog] }> {
  const connection = await connectionFor(options, session)
  session.connectedTo(connection.url, connection.profile)
  const client = new Client(connection, session.signal)
  try {
    const workspaceId = await resolveId('wsp', options.workspace ?? 'self', client)
    const source = httpSource({ fetch: fetchOver(client), url: connection.url.origin, credential: revealSecret(connection.credential), workspaceId })
    const isReady = async (): Promise<boolean> => (await client.exchange({ method: 'GET', path: '/readyz' })).status === 200
    return { logs: [{ name: connection.url.origin, workspaceId, source, isReady }], close: async () => client.close() }
  } catch (error) {
    client.close()
    throw error
  }
}

/** `fetch` over our own client, which trusts the certificates it was told to, and tries again where that helps. */
const fetchOver = (client: Client): typeof fetch => async (input) => {
  const { pathname, search } = new URL(input instanceof Request ? input.url : input.toString())
  const { status, headers, body } = await client.exchange({ method: 'GET', path: pathname + search })
  return new Response(new Uint8Array(body), { status, headers: { 'content-type': headers['content-type'] ?? '' } })
}

function openExport(directory: string, workspace: string | null): OpenedLogs {
  requireWorkspaceId(workspace)
  return { logs: [{ name: directory, workspaceId: workspace, source: directorySource(directory) }], async close() {} }
}

function requireWorkspaceId(workspace: string | null): void {
  if (workspace !== null && !isWorkspaceId(workspace)) throw usageError('--workspace takes an id (wsp_…) where no server is asked.')
}

/** Every log of a data directory, or one. A server may be running on it. */
async function openData(directory: string, workspace: string | null, vkeysOf: (workspaceId: string) => readonly string[] | null): Promise<OpenedLogs> {
  requireWorkspaceId(workspace)
  // Whose rows the log speaks of, the rooms say that declare them.
  await import('../../operations.ts')
  const path = join(directory, databaseName)
  const inspection = inspectSqlite(path)
  let keyProcess: KeyProcess | null = null
  const close = async (): Promise<void> => {
    inspection.close()
    await keyProcess?.close()
  }
  try {
    const workspaceIds = workspace === null ? await workspacesIn(inspection) : [workspace]
    const isLive = (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0
    const logs: NamedLog[] = []
    let guard: RowGuard | undefined
    for (const workspaceId of workspaceIds) {
      let vkeys = isWorkspaceId(workspaceId) ? vkeysOf(workspaceId) : []
      if (vkeys === null) {
        keyProcess ??= await startKeys(directory)
        const keyring = createKeyring({ reader: () => inspection.reader(), onForeignWrite() {} }, keyProcess)
        guard ??= await guardOf(keyring)
        vkeys = await keysIn(keyring, workspaceId)
      }
      const source = storageSource({ storage: inspection, workspaceId, vkeys, blocks: () => blocksOf(inspection, workspaceId), guard, isLive })
      logs.push({ name: directory, workspaceId: isWorkspaceId(workspaceId) ? workspaceId : null, source })
    }
    return { logs, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function startKeys(directory: string): Promise<KeyProcess> {
  try {
    return await startKeyProcess({ program: keyProcessProgram, rootKeyFile: join(directory, 'root.key'), createIfMissing: false, onEvent() {} })
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    throw new CliError('failed', `The log's verifier keys are wrapped under a root key that cannot be used: ${error.detail}`, [
      'Give the keys with --key-file FILE: `claviger logs get-keys --json` on a running server writes them.',
    ])
  }
}

/** Absent where its key is gone: then no row can be told from a forged one, and the server says so when it starts. */
async function guardOf(keyring: Keyring): Promise<RowGuard | undefined> {
  const macKey = await keyring.exportKey(rowMacKey)
  return macKey === null ? undefined : createRowGuard(macKey, systemRandom)
}

/** None where they are gone: that is found as soon as they are looked at. */
async function keysIn(keyring: Keyring, workspaceId: string): Promise<readonly string[]> {
  const places = [logKey('log-ed25519', workspaceId), logKey('log-ml-dsa-44', workspaceId)]
  for (const place of places) if (!(await keyring.has(place))) return []
  return (await createLogKeys(keyring).verifierKeys(workspaceId)).map(({ verifierKey }) => verifierKey)
}

/**
 * Every log that has left a trace: whoever removed the row of a workspace must not have kept its log from being checked.
 *
 * @throws CliError when there is none: a first start founds one before anything else
 */
async function workspacesIn(inspection: Inspection): Promise<readonly string[]> {
  const reader = inspection.reader<KeysDatabase & TraceDatabase>()
  const traces = await Promise.all([
    reader.selectFrom('workspaces').select('id').execute(),
    reader.selectFrom('log_heads').select('id').execute(),
    reader.selectFrom('entries').select('stream as id').distinct().execute(),
    // That it was founded stands in the log of its founder, too.
    reader.selectFrom('entries').select('target as id').distinct().where('target', '>=', 'wsp_').where('target', '<', 'wsp`').execute(),
  ])
  const ids = new Set(traces.flat().map(({ id }) => String(id)))
  if (ids.size === 0) throw new CliError('logWrong', 'There is no log in this database: what was in it is gone.', ['Where nothing was ever started, there is nothing to check.'])
  return [...ids].sort()
}

/** The part of the audit room's tables that traces are found in. */
interface TraceDatabase {
  readonly log_heads: { readonly id: string }
  readonly entries: { readonly stream: string; readonly target: string }
}

async function* blocksOf(inspection: Inspection, workspaceId: string): AsyncGenerator<BlockRecord> {
  const blocks = inspection.reader<KeysDatabase>().selectFrom('use_blocks').selectAll().where('workspace_id', '=', workspaceId).orderBy('id').stream()
  for await (const block of blocks) yield storedBlock(block)
}
