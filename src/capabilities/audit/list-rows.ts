import { sql } from 'kysely'
import { Type } from 'typebox'
import { decodeCursor, encodeCursor } from '#core/http/cursor'
import { exactly, formMark, listLimitDefault, nullable, pageOf, pageQuery } from '#core/http/schema'
import { rowContent, rowDigest, type RowGuard, type StoredRow } from '#core/storage/row-guard'
import type { ReadableStorage } from '#core/storage/storage'
import { tables, type RowBase, type Table } from '#core/storage/table'
import { auditFaults } from './faults.ts'
import { operation } from './operation.ts'

export interface HeadedRow extends StoredRow<RowBase> {
  readonly head_version: number | null
  readonly head_digest: string | null
}

export const listRows = operation.read({
  id: 'audit.list-rows',
  summary: 'List guarded rows as they are stored',
  description:
    'The rows that decide access, with the salt of their digests, so that an auditor can replay the log against them: a row is as the log says when its digest is the one in the newest entry that names it. Values that must not be shown stand as their SHA-256. Sorted by table and id.',
  http: 'GET /v1/audit/rows',
  permission: 'audit:read-rows',
  existence: 'audit:read-rows',
  roles: ['owner', 'admin', 'auditor'],
  criticality: 'none',
  faults: ['audit/no-such-table', 'http/invalid-cursor'],
  input: {
    query: exactly({ ...pageQuery, table: Type.Optional(Type.String({ pattern: '^[a-z_]{1,40}$', [formMark]: 'the name of a table', description: 'Only rows of this table.' })) }),
  },
  output: pageOf(exactly({
    table: Type.String(),
    id: Type.String(),
    version: Type.Integer(),
    row: Type.Record(Type.String(), Type.Unknown(), { description: 'What the digest covers: SHA-256(salt ‖ canonical JSON of {table, row}).' }),
    salt: Type.String({ description: '16 bytes, base64url.' }),
    digest: Type.String({ description: 'That digest, base64url.' }),
    head: nullable(exactly({ version: Type.Integer(), digest: Type.String() }, { description: 'The newest version that was written; another one means that the row was put back.' })),
    macHolds: Type.Boolean({ description: 'Whether its MAC is the one that only this server can make. Where it is not, the row is refused, whatever its digest.' }),
  })),
  async handle({ query }, call, { storage, guard }) {
    const limit = query.limit ?? listLimitDefault
    const wanted = query.table === undefined ? auditedTables() : [requireTable(query.table)]
    const [fromTable, fromId] = query.cursor === undefined ? ['', ''] : decodeCursor('audit.list-rows', query.cursor, ['string', 'string'])
    const items: ReturnType<typeof presentRow>[] = []
    for (const table of wanted) {
      if (table.name < fromTable) continue
      const after = table.name === fromTable ? fromId : ''
      const rows = await rowsOf(storage, table, call.caller.workspaceId, after, limit + 1 - items.length)
      items.push(...rows.map((row) => presentRow(guard, table, row)))
      if (items.length > limit) break
    }
    const last = items.length > limit ? items[limit - 1] : undefined
    return { items: items.slice(0, limit), nextCursor: last === undefined ? null : encodeCursor('audit.list-rows', [last.table, last.id]) }
  },
})

/** Guarded tables whose rows belong to workspaces, by name. */
export const auditedTables = (): readonly Table[] =>
  [...tables.values()].filter((table) => table.guarded && table.columns.has('workspace_id')).sort((a, b) => (a.name < b.name ? -1 : 1))

function requireTable(name: string): Table {
  const table = auditedTables().find((one) => one.name === name)
  if (table === undefined) throw auditFaults['no-such-table']('There is no table of that name whose rows the log guards.')
  return table
}

export async function rowsOf(storage: Pick<ReadableStorage, 'reader'>, table: Table, workspaceId: string, after: string, limit: number): Promise<readonly HeadedRow[]> {
  const result = await sql<HeadedRow>`SELECT t.*, h.version AS head_version, h.digest AS head_digest FROM ${sql.table(table.name)} t
    LEFT JOIN row_heads h ON h.id = ${`${table.name}/`} || t.id
    WHERE t.workspace_id = ${workspaceId} AND t.id > ${after} ORDER BY t.id LIMIT ${limit}`.execute(storage.reader<never>())
  return result.rows
}

function presentRow(guard: RowGuard, table: Table, stored: HeadedRow) {
  const salt = stored.salt instanceof Uint8Array ? stored.salt : new Uint8Array(0)
  return {
    table: table.name,
    id: stored.id,
    version: whole(stored.version),
    row: rowContent(table, stored).row,
    salt: Buffer.from(salt).toString('base64url'),
    digest: rowDigest(table, stored, salt).toString('base64url'),
    head: stored.head_version === null || stored.head_digest === null ? null : { version: whole(stored.head_version), digest: stored.head_digest },
    macHolds: guard.isGenuine(table, stored),
  }
}

/** Whoever altered a row may have put anything there; it is no version then, and the row is shown all the same. */
const whole = (version: number): number => (Number.isSafeInteger(version) ? version : 0)
