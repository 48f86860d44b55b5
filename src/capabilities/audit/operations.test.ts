/** The operations of this room, over real HTTP. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { CompactTree, decodeEntries, leafHash, openNote, verifyReceipt } from '@claviger/verifier'
import type { WorkspaceId } from '#core/base/id'
import { canonicalJson, type JsonObject } from '#core/base/json'
import { sha256 } from '#core/crypto/hash'
import { encodeCursor } from '#core/http/cursor'
import { httpFaults } from '#core/http/faults'
import { send, startServer, type TestAnswer, type TestServer } from '#core/http/fixtures'
import { storageFaults } from '#core/storage/faults'
import { rowDigest } from '#core/storage/row-guard'
import { openSqlite } from '#core/storage/sqlite/open-sqlite'
import {
  actOf, appendEntries, auditMigrations, callerOf, changeOf, gate, gateId, gateTable, makeWorkspace, openRoom, personId, writeGate, type AuditRoom,
} from './fixtures.ts'
import { auditFaults, operations } from './index.ts'

const permissions = ['audit:read', 'audit:read-details', 'audit:read-rows', 'logs:read']

interface World {
  readonly room: AuditRoom
  readonly server: TestServer
  /** Entries 0 to 4: opened gates 1 to 3, a person's details, gate 1 shut. */
  readonly mine: WorkspaceId
  readonly other: WorkspaceId
  readonly ids: readonly string[]
}

let world: Promise<World> | null = null
const ready = (): Promise<World> => (world ??= build())

async function build(): Promise<World> {
  const storage = await openSqlite({ path: ':memory:', migrations: auditMigrations })
  const room = openRoom(storage)
  const mine = await makeWorkspace(room, [personId(1), personId(2), personId(3)])
  const other = await makeWorkspace(room)
  const ids: string[] = []
  for (const digit of [1, 2, 3]) {
    const change = changeOf(mine, { target: gateId(digit), writes: [writeGate({ ...gate(mine, digit), secret: Buffer.from('pepper') })] })
    ids.push((await room.recorder.recordChanges([change])).entryId)
  }
  const act = actOf(mine)
  const details = [2, 3].map((digit) => ({ subject: personId(digit), data: { name: `person ${digit}` } }))
  ids.push((await room.recorder.record({ ...act, decision: { ...act.decision, target: '', details } })).entryId)
  const shut = changeOf(mine, { event: 'gate.shut', writes: [writeGate(gate(mine, 1, 2))], erases: [personId(3)], takesAway: true })
  ids.push((await room.recorder.recordChanges([shut])).entryId)
  await room.recorder.recordChanges([changeOf(other, { writes: [writeGate(gate(other, 9))] })])
  const callers: Readonly<Record<string, ReturnType<typeof callerOf>>> = {
    mine: callerOf(mine, permissions), other: callerOf(other, permissions), reader: callerOf(mine, ['audit:read']),
  }
  const server = await startServer({
    storage,
    mounts: [{ operations, services: { storage, guard: room.guard, subjects: room.subjects, publisher: room.publisher, reader: room.reader, keys: room.keys } }],
    ports: {
      authenticate: (credential) => callers[credential ?? ''] ?? assert.fail(httpFaults.unauthenticated('Send a credential.')),
      record: () => assert.fail('nothing here writes'),
    },
  })
  return { room, server, mine, other, ids }
}

after(async () => {
  if (world === null) return
  const { room, server } = await world
  await server.close()
  await room.storage.close()
})

const get = async (path: string, credential = 'mine') => send((await ready()).server.port, { path, credential })
const without = (value: Readonly<Record<string, unknown>>, member: string) =>
  Object.fromEntries(Object.entries(value).filter(([name]) => name !== member))
const items = (answer: { json: Readonly<Record<string, unknown>> }) => answer.json['items'] as readonly Record<string, unknown>[]

async function bytesOf(path: string): Promise<Buffer> {
  const { server } = await ready()
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { headers: { authorization: 'Bearer mine' } })
  assert.deepEqual([response.status, response.headers.get('content-type')], [200, 'application/octet-stream'])
  return Buffer.from(await response.arrayBuffer())
}

/** Every page of a list. */
async function all(path: string): Promise<readonly Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const answer: TestAnswer = await get(`${path}${path.includes('?') ? '&' : '?'}limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)
    assert.equal(answer.status, 200, answer.text)
    found.push(...items(answer))
    cursor = answer.json['nextCursor'] as string | null
  }
  return found
}

test('entries are listed newest first, page by page, all or of a target or an event', async () => {
  const { ids } = await ready()
  const idsOf = async (query: string) => (await all(`/v1/audit/entries${query}`)).map((item) => ids.indexOf(String(item['entryId'])))
  assert.deepEqual(await idsOf(''), [4, 3, 2, 1, 0])
  assert.deepEqual(await idsOf(`?target=${gateId(1)}`), [4, 0])
  assert.deepEqual(await idsOf('?event=gate.opened'), [3, 2, 1, 0])
  assert.deepEqual(await idsOf(`?event=gate.opened&target=${gateId(1)}`), [0])
  assert.deepEqual(await idsOf('?event=gate.melted'), [])
})

test('a cursor that nobody gave out makes no search begin beyond the log, and one with a fraction is none', async () => {
  await ready()
  const cursor = (position: number): string => encodeCursor('audit.list-entries', [position])
  const far = await get(`/v1/audit/entries?target=${gateId(1)}&cursor=${cursor(Number.MAX_SAFE_INTEGER)}`)
  assert.deepEqual([far.status, (far.json['items'] as unknown[]).length], [200, 2])
  assert.deepEqual((await get(`/v1/audit/entries?cursor=${cursor(-5)}`)).json['items'], [])
  assert.equal((await get(`/v1/audit/entries?cursor=${cursor(1.5)}`)).json['code'], 'http/invalid-cursor')
})

test('an entry shows who did what, and its details only to those who may read them; of the erased they are gone', async () => {
  const { ids } = await ready()
  const [open, closed] = [await get(`/v1/audit/entries/${ids[3]}`), await get(`/v1/audit/entries/${ids[3]}`, 'reader')]
  const detailsOf = (answer: typeof open) => (answer.json['details'] as Record<string, unknown>[]).map((detail) => without(without(detail, 'commitment'), 'salt'))
  assert.deepEqual(detailsOf(open), [
    { subject: personId(2), data: { name: 'person 2' } },
    { subject: personId(3), erased: true },
    { subject: personId(1), data: { ip: '192.0.2.7', request: 'req_0000000000000001', userAgent: 'test/1' } },
  ])
  assert.deepEqual(detailsOf(closed), [2, 3, 1].map((digit) => ({ subject: personId(digit) })))
  assert.deepEqual([open.json['index'], open.json['event'], open.json['withheld']], [3, 'gate.opened', false])
})

test('A8: whoever may read details can check each against its commitment, without believing the server', async () => {
  const { ids } = await ready()
  const details = (await get(`/v1/audit/entries/${ids[3]}`)).json['details'] as { commitment: string; salt?: string; data?: JsonObject }[]
  const shown = details.flatMap(({ commitment, salt, data }) => (salt === undefined || data === undefined ? [] : [{ commitment, salt, data }]))
  assert.equal(shown.length, 2)
  for (const { commitment, salt, data } of shown) {
    const committed = sha256(Buffer.concat([Buffer.from(salt, 'base64url'), Buffer.from(canonicalJson(data), 'utf8')]))
    assert.equal(committed.toString('base64url'), commitment)
  }
})

test('a receipt proves its entry offline, also of an entry that was written a moment ago', async () => {
  const { room, mine } = await ready()
  const { entryId } = await room.recorder.recordChanges([changeOf(mine, { event: 'gate.painted' })])
  const keys = (await get(`/v1/logs/${mine}/keys`)).json as { origin: string; keys: { algorithm: string; verifierKey: string }[] }
  assert.deepEqual([keys.origin, keys.keys.map((key) => key.algorithm)], [`claviger/${mine}`, ['ed25519', 'ml-dsa-44']])
  const answer = await get(`/v1/audit/entries/${entryId}/receipt`)
  assert.deepEqual([answer.status, answer.headers['content-type']], [200, 'text/plain; charset=utf-8'], answer.text)
  const vkeys = keys.keys.map((key) => key.verifierKey)
  const verified = verifyReceipt(answer.text, { vkeys })
  assert.equal(JSON.parse(verified?.entry.toString('utf8') ?? 'null').id, entryId)
  assert.equal(verifyReceipt(answer.text.replace('index 5', 'index 4'), { vkeys }), null)
})

test('an entry that cannot come under a checkpoint now is answered with when to ask again', async () => {
  const { room, server, mine } = await ready()
  const { entryId } = await room.recorder.recordChanges([changeOf(mine, { event: 'gate.painted' })])
  let publishNow: (log: string) => Promise<void> = () => Promise.resolve()
  const stuck = await startServer({
    storage: room.storage,
    mounts: [{ operations, services: { ...room, publisher: { ...room.publisher, publishNow: (log: string) => publishNow(log) } } }],
    ports: { authenticate: () => callerOf(mine, permissions), record: () => assert.fail('nothing here writes') },
  })
  for (const way of [() => Promise.resolve(), () => Promise.reject(storageFaults.full('The disk is full.'))]) {
    publishNow = way
    const answer = await send(stuck.port, { path: `/v1/audit/entries/${entryId}/receipt` })
    assert.deepEqual([answer.status, answer.json['code'], answer.headers['retry-after']], [503, 'audit/not-yet-published', '1'])
  }
  publishNow = () => Promise.reject(auditFaults['log-damaged']('It is damaged.'))
  assert.equal((await send(stuck.port, { path: `/v1/audit/entries/${entryId}/receipt` })).json['code'], 'audit/log-damaged')
  await stuck.server.close()
  assert.equal((await send(server.port, { path: `/v1/audit/entries/${entryId}/receipt`, credential: 'mine' })).status, 200)
})

test('checkpoint, tiles and bundles are served as tlog-tiles says, and make one tree', async () => {
  const { room, mine } = await ready()
  await appendEntries(room.storage, mine, 300)
  await room.publisher.publishNow(mine)
  const keys = (await room.keys.verifierKeys(mine)).map((key) => key.verifierKey)
  const opened = openNote((await get(`/v1/logs/${mine}/checkpoint`)).text, keys)
  assert.deepEqual(opened?.verified, keys)
  const [, size = '', root] = opened.body.split('\n')
  const width = Number(size) - 256
  const full = await bytesOf(`/v1/logs/${mine}/tile/0/000`)
  const hashes = Buffer.concat([full, await bytesOf(`/v1/logs/${mine}/tile/0/001.p/${width}`)])
  const leaves = [
    ...(decodeEntries(await bytesOf(`/v1/logs/${mine}/tile/entries/000`), 256) ?? []),
    ...(decodeEntries(await bytesOf(`/v1/logs/${mine}/tile/entries/001.p/${width}`), width) ?? []),
  ]
  assert.deepEqual(Buffer.concat(leaves.map((leaf) => leafHash(leaf))), hashes)
  const tree = new CompactTree()
  for (const leaf of leaves) tree.append(leafHash(leaf))
  assert.equal(tree.root().toString('base64'), root)
  assert.equal((await bytesOf(`/v1/logs/${mine}/tile/1/000.p/1`)).length, 32)
  const listed = await all(`/v1/logs/${mine}/checkpoints`)
  const sizes = listed.map((item) => Number(item['size']))
  assert.deepEqual(sizes, sizes.toSorted((one, other) => other - one))
  assert.equal(sizes[0], Number(size))
})

test('proofs are served for any size that a checkpoint covers, and for no other', async () => {
  const { room, mine } = await ready()
  await room.publisher.publishNow(mine)
  const { size } = (await room.reader.open(mine)) ?? assert.fail('published')
  const inclusion = await get(`/v1/logs/${mine}/inclusion?index=2&size=4`)
  assert.deepEqual([inclusion.status, (inclusion.json['proof'] as unknown[]).length], [200, 2])
  assert.equal((await get(`/v1/logs/${mine}/inclusion?index=2`)).json['size'], size)
  assert.equal((await get(`/v1/logs/${mine}/consistency?from=3`)).json['to'], size)
  assert.deepEqual((await get(`/v1/logs/${mine}/consistency?from=4&to=4`)).json['proof'], [])
  for (const query of [`inclusion?index=${size}`, 'inclusion?index=4&size=4', `inclusion?index=0&size=${size + 1}`, 'consistency?from=5&to=4', `consistency?from=1&to=${size + 1}`]) {
    const refused = await get(`/v1/logs/${mine}/${query}`)
    assert.deepEqual([refused.status, refused.json['code']], [422, 'audit/outside-the-log'], query)
  }
  for (const query of ['inclusion', 'inclusion?index=-1', 'inclusion?index=1.5', 'inclusion?index=0&size=0', 'consistency?from=0', 'consistency?from=1e3', 'consistency?from=9007199254740993']) {
    assert.equal((await get(`/v1/logs/${mine}/${query}`)).json['code'], 'http/invalid-input', query)
  }
})

test('a tile that is spelt wrongly, or is not there, is no tile', async () => {
  const { mine } = await ready()
  for (const path of ['0/x000/000', '0/0', '0/000.p/256', '0/000.p/0', '00/000', '64/000', '9/000', 'entries/999', '0/000/', 'data/000', '0/001.p/255', '%2e%2e/checkpoint', '0/000.P/1']) {
    const answer = await get(`/v1/logs/${mine}/tile/${path}`)
    assert.deepEqual([answer.status, answer.json['code']], [404, 'audit/no-such-tile'], path)
  }
})

test('rows are listed as they are stored, with what their digests cover; sensitive values only as hashes', async () => {
  const { room, mine } = await ready()
  const rows = await all('/v1/audit/rows')
  assert.deepEqual(rows.map((row) => [row['table'], row['id'], row['version']]), [['audit_gates', gateId(1), 2], ['audit_gates', gateId(2), 1], ['audit_gates', gateId(3), 1]])
  assert.deepEqual(await all('/v1/audit/rows?table=audit_gates'), rows)
  const [, second] = rows
  const content = second?.['row'] as Record<string, unknown>
  assert.ok(!JSON.stringify(rows).includes(Buffer.from('pepper').toString('base64url')))
  assert.equal(content['workspace_id'], mine)
  const stored = await room.storage.reader<{ audit_gates: Parameters<typeof rowDigest>[1] & { salt: Uint8Array } }>().selectFrom('audit_gates').selectAll().where('id', '=', gateId(2)).executeTakeFirstOrThrow()
  const digest = rowDigest(gateTable, stored as never, stored.salt).toString('base64url')
  assert.deepEqual([second?.['digest'], second?.['head']], [digest, { version: 1, digest }])
  const missing = await get('/v1/audit/rows?table=keyring')
  assert.deepEqual([missing.status, missing.json['code']], [404, 'audit/no-such-table'])
})

test('another workspace\'s log, entries and rows are answered exactly like missing ones', async () => {
  const { mine, other, ids } = await ready()
  const none = 'wsp_zzzzzzzzzzzzzzzz'
  for (const path of ['checkpoint', 'checkpoints', 'keys', 'tile/0/000', 'tile/entries/000', 'inclusion?index=0', 'consistency?from=1']) {
    const answers = [await get(`/v1/logs/${other}/${path}`), await get(`/v1/logs/${none}/${path}`)]
    const seen = answers.map(({ status, json }) => ({ status, problem: without(json, 'instance') }))
    assert.deepEqual(seen[0], seen[1], path)
    assert.deepEqual([seen[0]?.status, seen[0]?.problem['code']], [404, 'audit/log-not-found'], path)
  }
  for (const suffix of ['', '/receipt']) {
    assert.equal((await get(`/v1/audit/entries/${ids[0]}${suffix}`, 'other')).json['code'], 'audit/not-found')
    assert.equal((await get(`/v1/audit/entries/ent_zzzzzzzzzzzzzzzz${suffix}`)).json['code'], 'audit/not-found')
  }
  assert.deepEqual(items(await get('/v1/audit/rows', 'other')).map((row) => row['id']), [gateId(9)])
  assert.equal(items(await get('/v1/audit/entries', 'other')).length, 1)
  assert.equal((await get(`/v1/logs/${mine}/checkpoint`, 'other')).status, 404)
})
