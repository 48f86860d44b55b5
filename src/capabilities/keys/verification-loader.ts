/**
 * Reads what a verification needs from the database, and believes none of it before its MAC and its head agree (K8).
 *
 * @module
 */
import type { Status, TimeWindow } from '@claviger/verifier'
import { parseCidr, type Cidr, type Restrictions } from '@claviger/verifier'
import { sql } from 'kysely'
import { assert } from '#core/base/assert'
import { isCurrent, type HeadedRow } from '#core/storage/guarded-read'
import type { RowGuard } from '#core/storage/row-guard'
import type { Storage } from '#core/storage/storage'
import type { RowBase, Table } from '#core/storage/table'
import {
  apiTable, consumerTable, environmentTable, keyTable, workspaceTable,
  type ApiRow, type ConsumerRow, type EnvironmentRow, type KeyRow, type WorkspaceRow,
} from './tables.ts'

/** An environment with everything above it: what all of its keys share. */
export interface EnvironmentState {
  readonly environmentId: string
  readonly apiId: string
  readonly workspaceId: string
  readonly kind: EnvironmentRow['kind']
  readonly environmentStatus: Status
  readonly apiStatus: Status
  readonly workspaceStatus: Status
  readonly recording: EnvironmentRow['recording']
  readonly builtIn: boolean
  readonly pepperVersion: number
}

/** A key with its holder's status, still as rows say it. */
export interface LoadedKey {
  readonly row: KeyRow
  readonly holderStatus: Status
}

/** A key whose row, or its holder's, is not to be believed. Where it says it belongs is for telling its workspace. */
export interface AlteredKey {
  readonly alteredIn: string
}

export interface VerificationLoader {
  /** One key by the 16 characters of its public id. */
  key(publicId: string): Promise<LoadedKey | AlteredKey | null>
  /** The next keys in order of their ids, for filling the memory. */
  keysAfter(id: string, limit: number): Promise<readonly { id: string; loaded: LoadedKey | AlteredKey }[]>
  /** With all that is above it; null when a row of it is missing or not to be believed. */
  environment(environmentId: string): Promise<EnvironmentState | null>
}

export function createVerificationLoader(storage: Storage, guard: RowGuard): VerificationLoader {
  const reader = storage.reader<never>()

  async function readRows<Row extends RowBase>(table: Table<Row>, ids: readonly string[]): Promise<{ believed: Map<string, Row>; altered: Map<string, Row> }> {
    const [believed, altered] = [new Map<string, Row>(), new Map<string, Row>()]
    if (ids.length === 0) return { believed, altered }
    const result = await sql<HeadedRow<Row>>`SELECT t.*, h.version AS head_version FROM ${sql.table(table.name)} t
      LEFT JOIN row_heads h ON h.id = ${`${table.name}/`} || t.id WHERE t.id IN (${sql.join(ids)})`.execute(reader)
    for (const row of result.rows) (isCurrent(guard, table, row) ? believed : altered).set(row.id, row)
    return { believed, altered }
  }

  const readRow = async <Row extends RowBase>(table: Table<Row>, id: string): Promise<Row | undefined> =>
    (await readRows(table, [id])).believed.get(id)

  async function withHolders(ids: readonly string[]): Promise<Map<string, LoadedKey | AlteredKey>> {
    const { believed, altered } = await readRows<KeyRow>(keyTable, ids)
    const loaded = new Map<string, LoadedKey | AlteredKey>()
    for (const [id, row] of altered) loaded.set(id, { alteredIn: workspaceOf(row) })
    const consumerIds = new Set<string>()
    for (const row of believed.values()) if (row.consumer_id !== null) consumerIds.add(row.consumer_id)
    const consumers = (await readRows<ConsumerRow>(consumerTable, [...consumerIds])).believed
    for (const [id, row] of believed) {
      const holder = row.consumer_id === null ? null : consumers.get(row.consumer_id)
      loaded.set(id, holder === undefined ? { alteredIn: row.workspace_id } : { row, holderStatus: holder?.status ?? 'active' })
    }
    return loaded
  }

  return {
    async key(publicId) {
      const id = `key_${publicId}`
      return (await withHolders([id])).get(id) ?? null
    },
    async keysAfter(after, limit) {
      const { rows } = await sql<{ id: string }>`SELECT id FROM keys WHERE id > ${after} ORDER BY id LIMIT ${limit}`.execute(reader)
      const loaded = await withHolders(rows.map((row) => row.id))
      return rows.map(({ id }) => ({ id, loaded: loaded.get(id) ?? { alteredIn: '' } }))
    },
    async environment(environmentId) {
      const environment = await readRow<EnvironmentRow>(environmentTable, environmentId)
      if (environment === undefined) return null
      const api = await readRow<ApiRow>(apiTable, environment.api_id)
      const workspace = await readRow<WorkspaceRow>(workspaceTable, environment.workspace_id)
      if (api === undefined || workspace === undefined) return null
      assert(api.workspace_id === environment.workspace_id, 'K5: an environment and its API are of one workspace')
      return {
        environmentId,
        apiId: api.id,
        workspaceId: workspace.id,
        kind: environment.kind,
        environmentStatus: environment.status,
        apiStatus: api.status,
        workspaceStatus: workspace.status,
        recording: environment.recording,
        builtIn: api.built_in === 1,
        pepperVersion: environment.pepper_version,
      }
    },
  }
}

/** A row that was altered may hold anything. */
const workspaceOf = (row: KeyRow): string => (typeof row.workspace_id === 'string' ? row.workspace_id : '')

/** The part of a key that many keys share: parsed once, then held by reference. */
export function restrictionsOf(row: KeyRow): Restrictions {
  const ranges = (JSON.parse(row.ip_ranges) as string[]).map(parseCidr)
  assert(ranges.every((range): range is Cidr => range !== null), 'K9: stored address ranges are valid')
  return {
    permissions: new Set(JSON.parse(row.permissions) as string[]),
    ipRanges: ranges,
    origins: JSON.parse(row.origins) as string[],
    window: row.time_window === null ? null : (JSON.parse(row.time_window) as TimeWindow),
  }
}

/** What tells two sets of restrictions apart, without parsing them. */
export const restrictionsId = (row: KeyRow): string =>
  `${row.permissions}${row.ip_ranges}${row.origins}${row.time_window ?? ''}`
