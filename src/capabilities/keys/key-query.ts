/**
 * Queries over keys: the filters of `keys.list`, and how a page is found without holding everybody else up.
 *
 * Environment, API, consumer and principal are indexed in the order of creation. The other filters are applied to what those
 * leave, a few thousand rows at a time, and a request looks at 100,000 rows at most: then its page ends early, with a
 * cursor to go on from. So a list answers in bounded time however many keys there are.
 *
 * @module
 */
import { sql, type RawBuilder } from 'kysely'
import { downTo, newestFirst, olderThan, type Position } from '#core/http/newest-first'
import { invalidInput } from '#core/http/validation'
import { isCurrent, type HeadedRow } from '#core/storage/guarded-read'
import type { KeysServices } from './services.ts'
import { keyTable, type KeyRow } from './tables.ts'
import { parseTimestamp } from './timestamp.ts'

export interface KeyFilters {
  readonly environmentId?: string
  readonly apiId?: string
  readonly consumerId?: string
  readonly principalId?: string
  readonly status?: 'active' | 'disabled' | 'revoked' | 'expired'
  readonly permission?: string
  readonly search?: string
  readonly usedBefore?: string
  readonly usedAfter?: string
  readonly neverUsed?: boolean
  readonly expiresBefore?: string
  readonly expiresAfter?: string
}

export interface FoundKey {
  readonly row: KeyRow
  readonly usage: { readonly last_used_at_ms: number; readonly valid_count: number; readonly denied_count: number } | null
  readonly genuine: boolean
}

type Condition = RawBuilder<unknown>
type ListedRow = HeadedRow<KeyRow> & { readonly last_used_at_ms: number | null; readonly valid_count: number | null; readonly denied_count: number | null }

/** Rows that are looked at before others get their turn, and in one request. */
const rowsAtOnce = 5_000
const rowsMax = 100_000

/** Text as a pattern of LIKE that finds it literally. */
const literally = (text: string): string => text.replaceAll(/[\\%_]/g, '\\$&')

/** Whether the JSON list in `permissions` has this name. */
const holdsPermission = (name: string): Condition => sql`k.permissions LIKE ${`%"${literally(name)}"%`} ESCAPE '\\'`

/** What follows an index, in the order of creation. */
function indexedConditions(workspaceId: string, filters: KeyFilters): Condition[] {
  const conditions = [sql`k.workspace_id = ${workspaceId}`]
  if (filters.environmentId !== undefined) conditions.push(sql`k.environment_id = ${filters.environmentId}`)
  if (filters.apiId !== undefined) conditions.push(sql`k.api_id = ${filters.apiId}`)
  if (filters.consumerId !== undefined) conditions.push(sql`k.consumer_id = ${filters.consumerId}`)
  if (filters.principalId !== undefined) conditions.push(sql`k.principal_id = ${filters.principalId}`)
  const id = filters.search === undefined ? null : searchedId(filters.search)
  if (id !== null) conditions.push(sql`k.id = ${id}`)
  return conditions
}

/** `key_…`, or the public part of a token as people see it: `acme_live_0123456789abcdef…`. */
function searchedId(search: string): string | null {
  if (/^key_[0-9A-Za-z]{16}$/.test(search)) return search
  const hint = /^[a-z][a-z0-9]{1,11}_[a-z][a-z0-9]{1,7}_([0-9A-Za-z]{16})…?$/.exec(search)
  return hint === null ? null : `key_${hint[1]}`
}

const statusConditions: Readonly<Record<NonNullable<KeyFilters['status']>, (nowMs: number) => Condition>> = {
  active: (nowMs) => sql`k.status = 'active' AND k.expires_at_ms > ${nowMs}`,
  disabled: (nowMs) => sql`k.status = 'disabled' AND k.expires_at_ms > ${nowMs}`,
  expired: (nowMs) => sql`k.status <> 'revoked' AND k.expires_at_ms <= ${nowMs}`,
  revoked: () => sql`k.status = 'revoked'`,
}

function otherConditions(filters: KeyFilters, nowMs: number): Condition[] {
  const conditions: Condition[] = []
  const { status, permission, search } = filters
  if (status !== undefined) conditions.push(statusConditions[status](nowMs))
  if (permission !== undefined) conditions.push(holdsPermission(permission))
  if (search !== undefined && searchedId(search) === null) {
    conditions.push(sql`lower(k.name) LIKE lower(${`${literally(search)}%`}) ESCAPE '\\'`)
  }
  const used = sql`coalesce(u.last_used_at_ms, 0)`
  const { usedBefore, usedAfter, neverUsed, expiresBefore, expiresAfter } = filters
  if (usedBefore !== undefined) conditions.push(sql`${used} > 0 AND ${used} < ${timeOf('usedBefore', usedBefore)}`)
  if (usedAfter !== undefined) conditions.push(sql`${used} > ${timeOf('usedAfter', usedAfter)}`)
  if (neverUsed !== undefined) conditions.push(neverUsed ? sql`${used} = 0` : sql`${used} > 0`)
  if (expiresBefore !== undefined) conditions.push(sql`k.expires_at_ms < ${timeOf('expiresBefore', expiresBefore)}`)
  if (expiresAfter !== undefined) conditions.push(sql`k.expires_at_ms > ${timeOf('expiresAfter', expiresAfter)}`)
  return conditions
}

function timeOf(filter: keyof KeyFilters, text: string): number {
  const ms = parseTimestamp(text)
  if (ms === null) throw invalidInput([{ pointer: `query.${filter}`, detail: 'There is no such day.' }])
  return ms
}

/**
 * The next keys after a position, the newest first.
 *
 * @returns at most `limit` keys; `next` is the position to go on after, null when there are no more
 */
export async function findKeys(
  services: Pick<KeysServices, 'storage' | 'guard'>, workspaceId: string, filters: KeyFilters,
  from: { readonly after: Position | null; readonly limit: number; readonly nowMs: number },
): Promise<{ readonly keys: readonly FoundKey[]; readonly next: Position | null }> {
  const indexed = indexedConditions(workspaceId, filters)
  const others = otherConditions(filters, from.nowMs)
  const keys: FoundKey[] = []
  let { after } = from
  for (let looked = 0; looked < rowsMax; looked += rowsAtOnce) {
    const until = others.length === 0 ? null : await positionAfter(services, indexed, after)
    const wanted = from.limit - keys.length
    const bounded = until === null ? [] : [downTo('k', until)]
    const rows = await readRows(services, [...indexed, ...others, ...bounded, olderThan('k', after)], wanted + 1)
    for (const row of rows.slice(0, wanted)) keys.push(foundKey(services, row))
    if (rows.length > wanted) return { keys, next: keys.at(-1)?.row ?? after }
    if (until === null) return { keys, next: null }
    after = until
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { keys, next: after }
}

/** The position that is `rowsAtOnce` rows further on; null when fewer are left. */
async function positionAfter({ storage }: Pick<KeysServices, 'storage'>, indexed: readonly Condition[], after: Position | null): Promise<Position | null> {
  const result = await sql<Position>`SELECT k.created_at_ms, k.id FROM keys k WHERE ${all([...indexed, olderThan('k', after)])}
    ${newestFirst('k')} LIMIT 1 OFFSET ${rowsAtOnce - 1}`.execute(storage.reader<never>())
  return result.rows[0] ?? null
}

/** Whether a key of the API that is not revoked holds a permission. */
export async function isHeld(services: Pick<KeysServices, 'storage'>, apiId: string, permission: string): Promise<boolean> {
  const ofApi = [sql`k.api_id = ${apiId}`]
  for (let after: Position | null = null; ; ) {
    const until: Position | null = await positionAfter(services, ofApi, after)
    const bounded = until === null ? [] : [downTo('k', until)]
    const conditions = [...ofApi, ...bounded, olderThan('k', after), sql`k.status <> 'revoked'`, holdsPermission(permission)]
    const { rows } = await sql`SELECT 1 FROM keys k WHERE ${all(conditions)} LIMIT 1`.execute(services.storage.reader<never>())
    if (rows.length > 0) return true
    if (until === null) return false
    after = until
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function readRows({ storage }: Pick<KeysServices, 'storage'>, conditions: readonly Condition[], limit: number): Promise<readonly ListedRow[]> {
  const result = await sql<ListedRow>`SELECT k.*, h.version AS head_version, u.last_used_at_ms, u.valid_count, u.denied_count FROM keys k
    LEFT JOIN row_heads h ON h.id = 'keys/' || k.id LEFT JOIN key_usage u ON u.id = k.id
    WHERE ${all(conditions)} ${newestFirst('k')} LIMIT ${limit}`.execute(storage.reader<never>())
  return result.rows
}

const all = (conditions: readonly Condition[]): Condition => sql.join([...conditions], sql` AND `)

function foundKey({ guard }: Pick<KeysServices, 'guard'>, row: ListedRow): FoundKey {
  const { last_used_at_ms, valid_count, denied_count } = row
  const usage = last_used_at_ms === null || valid_count === null || denied_count === null ? null : { last_used_at_ms, valid_count, denied_count }
  return { row, usage, genuine: isCurrent(guard, keyTable, row) }
}
