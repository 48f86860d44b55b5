/**
 * A small capability, as it should be: what is broken on purpose is broken from here.
 *
 * @module
 */
import { Type } from 'typebox'
import { defineFaults } from '#core/base/fault'
import { newId } from '#core/base/id'
import { decodeCursor, encodeCursor } from '#core/http/cursor'
import { operationsOf, type Call, type WriteOperation } from '#core/http/operation'
import { requireVersion } from '#core/http/precondition'
import { exactly, idOf, lineOf, listLimitDefault, pageOf, pageQuery, secretString } from '#core/http/schema'
import { emptyCommit, type RowWrite } from '#core/storage/commit'
import type { RowGuard, StoredRow } from '#core/storage/row-guard'
import { guardColumns, type Migration, type Storage } from '#core/storage/storage'
import { defineTable, type RowBase } from '#core/storage/table'

export interface BoxRow extends RowBase {
  readonly workspace_id: string
  readonly name: string
}

export interface BoxesDatabase {
  readonly law_boxes: StoredRow<BoxRow>
}

export interface BoxServices {
  readonly guard: RowGuard
  /** More than any handler of the house is given: so that one can be broken. */
  readonly unsafeStorage: Storage
}

export const boxTable = defineTable<BoxRow>('law_boxes', { guarded: true, columns: { workspace_id: 'text', name: 'text' } })

export const boxMigration: Migration = {
  id: 'laws/0001-boxes',
  statements: (types) => [
    `CREATE TABLE law_boxes (id ${types.text} PRIMARY KEY, version ${types.integer} NOT NULL, workspace_id ${types.text} NOT NULL, name ${types.text} NOT NULL, ${guardColumns(types)})`,
  ],
}

export const boxFaults = defineFaults('boxes', {
  'not-found': { status: 404, title: 'No such box' },
  undeclared: { status: 409, title: 'Declared by no operation' },
})

export const operation = operationsOf<BoxServices>()
export const common = { description: 'For the laws.', existence: 'boxes:list', roles: ['owner'], criticality: 'none' } as const
export const boxParams = exactly({ boxId: idOf('con') })
export const boxBody = exactly({ name: lineOf(40, 'Its name.') })
export const boxOutput = exactly({ boxId: Type.String(), version: Type.Integer(), name: Type.String() })
export const present = ({ id, version, name }: BoxRow) => ({ boxId: id, version, name })

export const boxes = (call: Call) => call.storage.reader<BoxesDatabase>().selectFrom('law_boxes').select(['id', 'version', 'workspace_id', 'name'])

export async function requireBox(call: Call, id: string): Promise<BoxRow> {
  const row = await boxes(call).where('id', '=', id).where('workspace_id', '=', call.caller.workspaceId).executeTakeFirst()
  if (row === undefined) throw boxFaults['not-found']('There is no such box.')
  return row
}

export const newBox = (call: Call, name: string): BoxRow => ({ id: newId('con', call.random), version: 1, workspace_id: call.caller.workspaceId, name })
export const insertOf = (row: BoxRow): RowWrite => ({ kind: 'insert', table: boxTable, row })

/** What no operation may do: writes past the recorder, so without an entry. */
export async function writeBehind(call: Call, { guard, unsafeStorage }: BoxServices): Promise<void> {
  const row = newBox(call, 'behind')
  await unsafeStorage.commit({ ...emptyCommit, atMs: call.atMs, writes: [{ ...insertOf(row), seal: guard.seal(boxTable, row) } as RowWrite] })
}

export const createBox = operation.write({
  ...common, id: 'boxes.create', summary: 'Make a box', http: 'POST /v1/boxes', permission: 'boxes:create', event: 'box.created', takesAway: false, status: 201, faults: [],
  input: { body: boxBody },
  output: exactly({ ...boxOutput.properties, secret: secretString({ description: 'Shown once.', maxLength: 100 }) }),
  decide: async ({ body }, call) => {
    const row = newBox(call, body.name)
    return { output: { ...present(row), secret: `box-secret-${call.random.base62(60)}` }, target: row.id, facts: {}, writes: [insertOf(row)] }
  },
})

export const renameBox = operation.write({
  ...common, id: 'boxes.rename', summary: 'Rename a box', http: 'PATCH /v1/boxes/{boxId}', permission: 'boxes:rename', event: 'box.renamed', takesAway: false, status: 200,
  faults: ['boxes/not-found', 'http/precondition-failed'], input: { params: boxParams, body: boxBody }, output: boxOutput,
  decide: async ({ params, body }, call) => {
    const before = await requireBox(call, params.boxId)
    requireVersion(call, before)
    return renamed(before, body.name)
  },
})

export const renamed = (before: BoxRow, name: string) => {
  const row = { ...before, version: before.version + 1, name }
  return { output: present(row), target: row.id, facts: {}, writes: [{ kind: 'update', table: boxTable, row } satisfies RowWrite] }
}

export const getBox = operation.read({
  ...common, id: 'boxes.get', summary: 'Show a box', http: 'GET /v1/boxes/{boxId}', permission: 'boxes:read', faults: ['boxes/not-found'],
  input: { params: boxParams }, output: boxOutput,
  handle: async ({ params }, call) => present(await requireBox(call, params.boxId)),
})

export const listBoxes = operation.read({
  ...common, id: 'boxes.list', summary: 'List boxes', http: 'GET /v1/boxes', permission: 'boxes:list', faults: ['http/invalid-cursor'],
  input: { query: exactly(pageQuery) }, output: pageOf(boxOutput),
  handle: async ({ query }, call) => {
    const [after] = query.cursor === undefined ? [''] : decodeCursor('boxes.list', query.cursor, ['string'])
    const limit = query.limit ?? listLimitDefault
    const rows = await boxes(call).where('workspace_id', '=', call.caller.workspaceId).where('id', '>', after).orderBy('id').limit(limit + 1).execute()
    const last = rows.length > limit ? rows[limit - 1] : undefined
    return { items: rows.slice(0, limit).map(present), nextCursor: last === undefined ? null : encodeCursor('boxes.list', [last.id]) }
  },
})

export const goodOperations = [createBox, renameBox, getBox, listBoxes] as const

/** The same operation, with parts of it replaced; types let go, because what is made here is wrong. */
export const broken = <Op extends object>(good: Op, parts: Partial<Record<keyof WriteOperation | 'handle', unknown>>): Op => ({ ...good, ...parts })
