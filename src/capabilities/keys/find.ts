/**
 * Look-ups for operations: a row of the caller's own workspace, or the fault to answer.
 *
 * `require…` answers rows that may be relied on; `requireAny…` also those that were altered outside Claviger, for looking
 * at them and for taking them away.
 *
 * Invariant K5: no operation of one workspace reads or writes a row of another; a foreign id is simply not found.
 */
import type { Fault } from '#core/base/fault'
import type { WorkspaceId } from '#core/base/id'
import { entriesOfTarget } from '#core/storage/entry-lookup'
import { readGuarded, tampered, type GuardedRow } from '#core/storage/guarded-read'
import type { RowBase, Table } from '#core/storage/table'
import { keyFaults } from './faults.ts'
import { checked } from './key.ts'
import type { KeysServices } from './services.ts'
import { checkedStanding } from './standing.ts'
import { apiTable, consumerTable, environmentTable, keyTable, type ApiRow, type ConsumerRow, type EnvironmentRow, type KeyRow } from './tables.ts'

type Stores = Pick<KeysServices, 'storage' | 'guard'>
type OwnedRow = RowBase & { readonly workspace_id: string }

const noSuchApi = () => keyFaults['api-not-found']('There is no such API in this workspace.')
const noSuchEnvironment = () => keyFaults['environment-not-found']('There is no such environment in this workspace.')
const noSuchConsumer = () => keyFaults['consumer-not-found']('There is no such consumer in this workspace.')
const noSuchKey = () => keyFaults['not-found']('There is no such key in this workspace.')

async function findAny<Row extends OwnedRow>(
  stores: Stores, table: Table<Row>, workspaceId: WorkspaceId, id: string, notFound: () => Fault,
): Promise<GuardedRow<Row>> {
  const found = await readGuarded(stores.storage.reader<never>(), stores.guard, table, id)
  if (found === null) throw notFound()
  if (found.row.workspace_id === workspaceId) return found
  // A row moved to another workspace by hand can still be taken away by its own: the log knows where it belongs.
  if (found.genuine || !(await isLogged(stores, workspaceId, id))) throw notFound()
  return { genuine: false, row: { ...found.row, workspace_id: workspaceId } }
}

const isLogged = async ({ storage }: Stores, workspaceId: WorkspaceId, id: string): Promise<boolean> =>
  (await entriesOfTarget(storage.reader<never>(), workspaceId, id, { limit: 1 })).length > 0

async function find<Row extends OwnedRow>(
  stores: Stores, table: Table<Row>, workspaceId: WorkspaceId, id: string, notFound: () => Fault,
): Promise<Row> {
  const { row, genuine } = await findAny(stores, table, workspaceId, id, notFound)
  if (!genuine) throw tampered(table, id)
  return row
}

export const requireApi = async (stores: Stores, workspaceId: WorkspaceId, id: string): Promise<ApiRow> =>
  checkedStanding(await find(stores, apiTable, workspaceId, id, noSuchApi))
export const requireAnyApi = (stores: Stores, workspaceId: WorkspaceId, id: string): Promise<GuardedRow<ApiRow>> =>
  findAny(stores, apiTable, workspaceId, id, noSuchApi)

export const requireEnvironment = async (stores: Stores, workspaceId: WorkspaceId, id: string): Promise<EnvironmentRow> =>
  checkedStanding(await find(stores, environmentTable, workspaceId, id, noSuchEnvironment))
export const requireAnyEnvironment = (stores: Stores, workspaceId: WorkspaceId, id: string): Promise<GuardedRow<EnvironmentRow>> =>
  findAny(stores, environmentTable, workspaceId, id, noSuchEnvironment)

export const requireConsumer = async (stores: Stores, workspaceId: WorkspaceId, id: string): Promise<ConsumerRow> =>
  checkedStanding(await find(stores, consumerTable, workspaceId, id, noSuchConsumer))
export const requireAnyConsumer = (stores: Stores, workspaceId: WorkspaceId, id: string): Promise<GuardedRow<ConsumerRow>> =>
  findAny(stores, consumerTable, workspaceId, id, noSuchConsumer)

export const requireKey = async (stores: Stores, workspaceId: WorkspaceId, id: string): Promise<KeyRow> =>
  checked(await find(stores, keyTable, workspaceId, id, noSuchKey))
export const requireAnyKey = (stores: Stores, workspaceId: WorkspaceId, id: string): Promise<GuardedRow<KeyRow>> =>
  findAny(stores, keyTable, workspaceId, id, noSuchKey)
