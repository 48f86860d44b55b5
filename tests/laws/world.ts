/**
 * What a server's database says, so that a law can tell what changed.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { sql } from 'kysely'
import { tables } from '#core/storage/table'
import type { Subject } from './subject.ts'

/** Version of every row by `table/id`. */
export type State = ReadonlyMap<string, number>

/** Written by the system beside what operations decide: uses, published logs, kept answers. Everything else is watched. */
const unwatched: ReadonlySet<string> = new Set(['key_usage', 'use_batches', 'use_blocks', 'log_tiles', 'log_heads', 'log_checkpoints', 'idempotency_keys'])

export async function stateOf({ storage }: Subject): Promise<State> {
  const queries = (await tablesHere(storage)).map((name) => sql`SELECT ${sql.lit(`${name}/`)} || id AS id, version FROM ${sql.table(name)}`)
  const { rows } = await sql<{ id: string; version: number }>`${sql.join(queries, sql` UNION ALL `)}`.execute(storage.reader<never>())
  return new Map(rows.map(({ id, version }) => [id, Number(version)]))
}

/** Tables that rooms declared and this database has. */
async function tablesHere(storage: Subject['storage']): Promise<readonly string[]> {
  const known = await sql<{ name: string }>`SELECT name FROM ${sql.raw(storage.engine === 'sqlite' ? 'sqlite_schema' : '(SELECT tablename AS name FROM pg_tables) t')}`.execute(storage.reader<never>())
  const present = new Set(known.rows.map(({ name }) => name))
  return [...tables.keys()].filter((name) => present.has(name) && !unwatched.has(name))
}

/** `table/id@version` of each row that is there now and was not so before; `@0` of one that is gone. */
export function changesBetween(before: State, after: State): readonly string[] {
  const written = [...after].filter(([row, version]) => before.get(row) !== version).map(([row, version]) => `${row}@${version}`)
  const gone = [...before.keys()].filter((row) => !after.has(row)).map((row) => `${row}@0`)
  return [...written, ...gone].sort()
}

export const isGuarded = (change: string): boolean => tables.get(change.slice(0, change.indexOf('/')))?.guarded === true

/** An entry of the audit log, as a reader of leaves sees it. */
export interface LoggedEntry {
  readonly id: string
  readonly workspace: string
  readonly event: string
  readonly operation: string
  readonly actor: { readonly principal?: string; readonly key?: string; readonly workspace?: string; readonly system?: string }
  readonly target: string
  readonly rows: readonly { readonly table: string; readonly id: string; readonly version: number; readonly digest: string }[]
}

/** Where each log ends, so that what comes later can be told. */
export type Mark = ReadonlyMap<string, number>

export async function markOf({ storage }: Subject): Promise<Mark> {
  await settled(storage)
  const { rows } = await sql<{ stream: string; next: number }>`SELECT stream, max(idx) + 1 AS next FROM entries GROUP BY stream`.execute(storage.reader<never>())
  return new Map(rows.map(({ stream, next }) => [stream, Number(next)]))
}

/** Entries that principals caused since then, in all logs. What the system does by itself is left out. */
export async function entriesSince(subject: Subject, mark: Mark): Promise<readonly LoggedEntry[]> {
  const reader = subject.storage.reader<never>()
  const entries: LoggedEntry[] = []
  for (const [stream, next] of await markOf(subject)) {
    const first = mark.get(stream) ?? 0
    if (first === next) continue
    const { rows } = await sql<{ leaf: Uint8Array }>`SELECT leaf FROM entries WHERE stream = ${stream} AND idx >= ${first} ORDER BY idx`.execute(reader)
    entries.push(...rows.map(({ leaf }) => JSON.parse(Buffer.from(leaf).toString('utf8')) as LoggedEntry))
  }
  return entries.filter(({ actor }) => actor.system === undefined)
}

const idShape = /\b[a-z]{3}_[0-9A-Za-z]{16}\b/g
export const idsIn = (text: string): ReadonlySet<string> => new Set(text.match(idShape) ?? [])

/** Ids of everything that belongs to a workspace, by its rows. */
export async function idsOf({ storage }: Subject, workspaceId: string): Promise<ReadonlySet<string>> {
  const ids = new Set<string>()
  for (const name of await tablesHere(storage)) {
    if (tables.get(name)?.columns.has('workspace_id') !== true) continue
    const { rows } = await sql<{ id: string }>`SELECT id FROM ${sql.table(name)} WHERE workspace_id = ${workspaceId}`.execute(storage.reader<never>())
    for (const { id } of rows) ids.add(id)
  }
  return ids
}

/** Ids that a workspace's own log names because an operation reached across, which is no secret to it. */
export async function idsToldAcross({ storage, operations, reachesAcross }: Subject, workspaceId: string): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ leaf: Uint8Array }>`SELECT leaf FROM entries WHERE stream = ${workspaceId}`.execute(storage.reader<never>())
  const across = new Set<string>(operations.filter(reachesAcross).map(({ id }) => id))
  const leaves = rows.map(({ leaf }) => Buffer.from(leaf).toString('utf8')).filter((leaf) => across.has((JSON.parse(leaf) as LoggedEntry).operation))
  return idsIn(leaves.join('\n'))
}

/** What changed while something was done: rows that are watched, and entries. */
export async function whatChanges<Result>(subject: Subject, act: () => Promise<Result>): Promise<{ result: Result; rows: readonly string[]; entries: readonly LoggedEntry[] }> {
  const [before, mark] = [await stateOf(subject), await markOf(subject)]
  const result = await act()
  return { result, rows: changesBetween(before, await stateOf(subject)), entries: await entriesSince(subject, mark) }
}

/** @throws AssertionError that says what was left behind */
export async function changesNothing<Result>(subject: Subject, what: string, act: () => Promise<Result>): Promise<Result> {
  const { result, rows, entries } = await whatChanges(subject, act)
  assert.deepEqual(rows, [], `${what} changes no row`)
  assert.deepEqual(entries.map(({ event, operation }) => `${operation}: ${event}`), [], `${what} leaves no entry`)
  return result
}

/** On PostgreSQL entries get their place a moment after their commit. */
async function settled(storage: Subject['storage']): Promise<void> {
  if (storage.engine === 'sqlite') return
  for (;;) {
    const { rows } = await sql`SELECT 1 FROM entries_pending LIMIT 1`.execute(storage.reader<never>())
    if (rows.length === 0) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
