/**
 * What must be so when all is well again: the database, row by row and entry by entry, against what clients were told.
 *
 * @module
 */
import { isDeepStrictEqual } from 'node:util'
import { CompactTree, leafHash, openNote, parseCheckpoint } from '@claviger/verifier'
import { sql } from 'kysely'
import { createKeyring } from '#core/keyring/keyring'
import { lengthOf, type StoredEntry } from '#core/storage/entry-lookup'
import { createLogKeys, storageSource, storedBlock, verifyLog, type BlockRecord, type StoredBlock } from '#cap/audit'
import type { Clients } from './clients.ts'
import { LogOrder, type LoggedEntry } from './final-order.ts'
import { requireUses } from './final-uses.ts'
import { demand, isCertain, possibleStates, type Kind, type State, type Thing } from './model.ts'
import type { Verifiers } from './verifiers.ts'
import type { World } from './world.ts'

type Row = Readonly<Record<string, string | number | null>>

export async function requireAll(world: World, clients: Clients, verifiers: Verifiers): Promise<void> {
  await publishAll(world)
  for (const life of world.lives) {
    const server = life.server!
    life.enter()
    await world.ended(life, server.uses.flush(), 'writing uses')
    life.enter()
    await world.ended(life, server.useCutter.cutAll(), 'cutting uses')
  }
  const workspaces = await publishAll(world)
  await requireThings(world)
  await requireNames(world, clients)
  await requireCatalogues(world)
  await requireErased(world)
  const entries = await requireEntries(world, workspaces.map(({ id }) => String(id)))
  await requireAnswersKept(world, entries)
  await requireUses(world, verifiers)
}

/** However often it failed before, to publish a log covers all that it has. */
async function publishAll(world: World): Promise<readonly Row[]> {
  const workspaces = await rowsOf(world, 'workspaces')
  for (const { id } of workspaces) {
    const [life] = world.lives
    const length = await lengthOf(world.real.reader<never>(), String(id))
    life!.enter()
    await world.ended(life!, life!.server!.publisher.publishNow(String(id)), 'publishing')
    const head = (await rowsOf(world, 'log_heads')).find((row) => row['id'] === id)
    demand(Number(head?.['size'] ?? 0) >= length, () => `${String(id)}: ${length} entries, published, and its newest checkpoint covers ${String(head?.['size'])}`)
  }
  return workspaces
}

const rowsOf = async (world: World, table: string): Promise<readonly Row[]> =>
  (await sql<Row>`SELECT * FROM ${sql.table(table)}`.execute(world.real.reader<never>())).rows

const tableOf: Readonly<Record<Kind, string>> = {
  workspace: 'workspaces', api: 'apis', environment: 'environments', consumer: 'consumers', key: 'keys', principal: 'principals',
}

const stored: Readonly<Record<Kind, (row: Row) => State>> = {
  workspace: ({ status }) => ({ status: status! }),
  api: ({ status }) => ({ status: status! }),
  environment: ({ status, recording }) => ({ status: status!, recording: recording! }),
  consumer: ({ status, erased_at_ms: erased }) => ({ status: status!, erased: erased !== null }),
  principal: ({ status, role, erased_at_ms: erased }) => ({ status: status!, role: role!, erased: erased !== null }),
  key: ({ status, permissions, expires_at_ms: expiresAtMs, ip_ranges: ranges }) => ({
    status: status!, permissions: JSON.parse(String(permissions)) as string[], expiresAt: new Date(Number(expiresAtMs)).toISOString(),
    ipRanges: JSON.parse(String(ranges)) as string[],
  }),
}

/** Everything that was acknowledged is there, and nothing else but what may have happened. */
export async function requireThings(world: World): Promise<void> {
  for (const kind of Object.keys(tableOf) as Kind[]) {
    const rows = new Map((await rowsOf(world, tableOf[kind])).map((row) => [row['id'], row]))
    for (const thing of world.model.ofKind(kind)) {
      const row = rows.get(thing.id)
      demand(row !== undefined, () => `${thing.id} was acknowledged, and is not there`)
      requireState(thing, Number(row['version']), stored[kind](row))
    }
  }
}

function requireState(thing: Thing, version: number, state: State): void {
  demand(isCertain(thing) ? version === thing.version : version >= thing.version, () => `${thing.id} is at version ${version}; ${thing.version} was acknowledged`)
  const textOf = (one: State): string => JSON.stringify(thing.isExact ? Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)) : one['status'])
  const possible = possibleStates(thing).map(textOf)
  demand(possible.includes(textOf(state)), () => `${thing.id} is ${textOf(state)}; possible: ${possible.join(' or ')}`)
}

/** What was made is called by a name of its own, so that one that was made twice shows. */
async function requireNames(world: World, clients: Clients): Promise<void> {
  const counts = new Map<string, number>()
  for (const [table, column] of [['workspaces', 'name'], ['apis', 'slug'], ['environments', 'slug'], ['consumers', 'reference'], ['keys', 'name'], ['principals', 'name']] as const) {
    for (const row of await rowsOf(world, table)) counts.set(String(row[column]), (counts.get(String(row[column])) ?? 0) + 1)
  }
  for (const { task: { name, operation }, deed } of clients.errands) {
    if (name === null) continue
    const count = counts.get(name) ?? 0
    demand(count <= (deed.stale ? 2 : 1), () => `${operation} ${name} was made ${count} times`)
  }
}

/** Invariant K6: a key that is not revoked holds nothing that its API does not know. */
async function requireCatalogues(world: World): Promise<void> {
  const known = new Map((await rowsOf(world, 'apis')).map((row) => [row['id'], new Set((JSON.parse(String(row['catalogue'])) as { name: string }[]).map(({ name }) => name))]))
  for (const key of await rowsOf(world, 'keys')) {
    if (key['status'] === 'revoked' || key['principal_id'] !== null) continue
    const unknown = (JSON.parse(String(key['permissions'])) as string[]).filter((name) => known.get(String(key['api_id']))?.has(name) !== true)
    demand(unknown.length === 0, () => `K6: ${String(key['id'])} holds ${unknown.join(', ')}, which its API does not know`)
  }
}

/** Invariant K13: of the keys of whoever is erased nothing is left that may tell who that was. */
async function requireErased(world: World): Promise<void> {
  const holders = [...(await rowsOf(world, 'consumers')), ...(await rowsOf(world, 'principals'))]
  const erased = new Set(holders.filter((row) => row['erased_at_ms'] !== null).map(({ id }) => id))
  for (const key of await rowsOf(world, 'keys')) {
    if (!erased.has(key['consumer_id']!) && !erased.has(key['principal_id']!)) continue
    const left = [key['name'], key['ip_ranges'], key['origins'], key['time_window'], key['status']]
    demand(isDeepStrictEqual(left, ['', '[]', '[]', null, 'revoked']), () => `K13: of the key ${String(key['id'])}, whose holder was erased, there is left ${left.join(' ')}`)
  }
}

/** @returns the ids of all entries */
async function requireEntries(world: World, workspaceIds: readonly string[]): Promise<ReadonlySet<string>> {
  const seen = new Map<string, { readonly workspaceId: string; readonly target: string }>()
  const unacknowledged = new Map<string, number>()
  const logKeys = createLogKeys(createKeyring(world.real, world.keyProcess))
  for (const workspaceId of workspaceIds) {
    const { rows } = await sql<StoredEntry>`SELECT * FROM entries WHERE stream = ${workspaceId} ORDER BY idx`.execute(world.real.reader<never>())
    const tree = new CompactTree()
    const order = new LogOrder()
    const roots: string[] = [tree.root().toString('hex')]
    for (const [at, { idx, id, target, leaf }] of rows.entries()) {
      demand(idx === at, () => `${workspaceId}: the entry ${at} is missing`)
      demand(!seen.has(id) || workspaceId !== seen.get(id)?.workspaceId, () => `${workspaceId}: the entry ${id} is there twice`)
      seen.set(id, { workspaceId, target })
      tree.append(leafHash(leaf))
      roots.push(tree.root().toString('hex'))
      const entry = JSON.parse(Buffer.from(leaf).toString('utf8')) as LoggedEntry
      order.take(entry)
      const { operation, actor } = entry
      if (actor.system === undefined && actor.workspace === workspaceId && !world.model.entries.has(id)) unacknowledged.set(operation, (unacknowledged.get(operation) ?? 0) + 1)
    }
    const vkeys = (await logKeys.verifierKeys(workspaceId)).map(({ verifierKey }) => verifierKey)
    requireCheckpoints(world, workspaceId, vkeys, roots)
    await requireVerified(world, workspaceId, vkeys)
  }
  for (const [id, told] of world.model.entries) {
    const entry = seen.get(id)
    demand(entry !== undefined, () => `the entry ${id} of an acknowledged write is not there`)
    demand(entry.workspaceId === told.workspaceId && (told.target === '' || entry.target === told.target), () => `the entry ${id} is about ${entry.target}, not ${told.target}`)
  }
  const doubtful = Map.groupBy(world.model.unsettled(), ({ operation }) => operation)
  for (const [operation, count] of unacknowledged) {
    demand(count <= (doubtful.get(operation)?.length ?? 0), () => `${count} entries of ${operation} that nobody was told of, and ${doubtful.get(operation)?.length ?? 0} that may be there`)
  }
  return new Set(seen.keys())
}

/** Each checkpoint that was ever signed has the root that the log has at its size: so all are consistent. */
function requireCheckpoints(world: World, workspaceId: string, vkeys: readonly string[], roots: readonly string[]): void {
  let before = 0
  for (const note of world.checkpoints.get(workspaceId) ?? []) {
    const opened = openNote(note, vkeys)
    const checkpoint = opened === null ? null : parseCheckpoint(opened.body)
    demand(checkpoint !== null && opened?.verified.length === vkeys.length, () => `${workspaceId}: a checkpoint is not signed by both keys`)
    demand(checkpoint.size > before, () => `${workspaceId}: a checkpoint of ${checkpoint.size} entries after one of ${before}`)
    demand(checkpoint.root.toString('hex') === roots[checkpoint.size], () => `${workspaceId}: the checkpoint of ${checkpoint.size} entries does not fit the log`)
    before = checkpoint.size
  }
  demand(before === roots.length - 1, () => `${workspaceId}: ${roots.length - 1} entries, and the newest checkpoint covers ${before}`)
}

/** What an outside auditor runs: tree, checkpoints, rows and blocks, replayed. */
async function requireVerified(world: World, workspaceId: string, vkeys: readonly string[]): Promise<void> {
  const report = await verifyLog(storageSource({ storage: world.real, workspaceId, vkeys, isLive: false, blocks: () => blocksOf(world, workspaceId) }), { vkeys, workspaceId })
  demand(report.ok, () => `audit verify of ${workspaceId}: ${report.problems.map((problem) => problem.message).join('; ')}`)
}

async function* blocksOf(world: World, workspaceId: string): AsyncGenerator<BlockRecord> {
  const { rows } = await sql<StoredBlock>`SELECT * FROM use_blocks
    WHERE workspace_id = ${workspaceId} ORDER BY id`.execute(world.real.reader<never>())
  for (const row of rows) yield storedBlock(row)
}

/** Invariant H5: an answer is kept if and only if its write was done. */
async function requireAnswersKept(world: World, entries: ReadonlySet<string>): Promise<void> {
  for (const row of await rowsOf(world, 'idempotency_keys')) {
    demand(entries.has(String(row['entry_id'])), () => `an answer is kept for the entry ${String(row['entry_id'])}, which is not there`)
  }
}
