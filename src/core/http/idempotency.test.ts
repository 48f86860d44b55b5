import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { Type } from 'typebox'
import { createClock } from '#core/base/clock'
import { asId } from '#core/base/id'
import { outcomeOf as outcome, send, startServer, thingFaults, type TestAnswer, type TestRequest, type TestServer } from './fixtures.ts'
import type { ServerContext } from './context.ts'
import { createReplay, idempotencyKeptMs, purgeIdempotencyKeys } from './idempotency.ts'
import { operationsOf, type AnyMount, type Caller } from './operation.ts'
import type { Act, Authenticate } from './ports.ts'
import type { Route } from './route.ts'
import { exactly } from './schema.ts'

let nowMs = Date.UTC(2030, 0)
let things: TestServer
before(async () => {
  things = await startServer({ wallMs: () => nowMs })
})
after(() => things.close())
afterEach(() => void (things.acts.length = 0))

let keys = 0
const newKey = (): string => `key-${++keys}`
const keyed = (key: string, body: unknown, more: Partial<TestRequest> = {}): Promise<TestAnswer> =>
  send(things.port, { path: '/v1/things', body, ...more, headers: { 'idempotency-key': key, ...more.headers } })

interface KeyRow {
  readonly id: string
  readonly output: string
}
const rows = (): Promise<KeyRow[]> => things.storage.reader<{ idempotency_keys: KeyRow }>().selectFrom('idempotency_keys').select(['id', 'output']).execute()

test('a write that is sent again has no second effect and the same answer, without its secret', async () => {
  const key = newKey()
  const first = await keyed(key, { name: 'once', secret: 'hunter2' })
  const second = await keyed(key, { secret: 'hunter2', name: 'once' })
  assert.deepEqual([outcome(first), outcome(second)], ['201', '201'])
  assert.match(String(first.json['secret']), /^shown-once-key_/)
  const { secret, ...rest } = first.json
  assert.deepEqual(second.json, rest)
  for (const name of ['etag', 'claviger-audit-entry', 'content-type']) assert.equal(second.headers[name], first.headers[name], name)
  assert.deepEqual([first.headers['idempotency-replayed'], second.headers['idempotency-replayed']], [undefined, 'true'])
  assert.equal(things.acts.length, 1)
  const stored = JSON.stringify(await rows())
  assert.ok(!stored.includes(String(secret)) && !stored.includes('shown-once') && !stored.includes('hunter2') && !stored.includes(key))
})

test('the same key with another request is refused, and changes nothing', async () => {
  const key = newKey()
  await keyed(key, { name: 'first of two' })
  for (const body of [{ name: 'second of two' }, { name: 'first of two', size: 1 }]) {
    assert.equal(outcome(await keyed(key, body)), '422 http/idempotency-mismatch')
  }
  assert.equal(things.acts.length, 1)
})

test('the same key names another request for another operation', async () => {
  const key = newKey()
  const { json } = await keyed(key, { name: 'two operations' })
  const path = `/v1/things/${String(json['thingId'])}`
  assert.equal(outcome(await keyed(key, { size: 3 }, { method: 'PATCH', path })), '200')
  assert.equal(things.acts.length, 2)
})

/** Another server, where the test says who calls and when a decision is recorded. */
async function withPorts(options: { readonly beforeRecord?: () => Promise<void>; readonly mounts?: readonly AnyMount[] }, run: (server: TestServer) => Promise<void>): Promise<void> {
  const authenticate: Authenticate = (credential) => ({
    workspaceId: asId('wsp', 'wsp_0000000000000000'), principalId: asId('prn', `prn_000000000000000${credential ?? ''}`), keyId: asId('key', 'key_0000000000000000'),
    permissions: new Set(['things:create', 'things:read']), expects: [],
  })
  const record = async (act: Act) => {
    await options.beforeRecord?.()
    await server.storage.commit({ atMs: act.atMs, expects: [], writes: [...act.decision.writes, ...act.extraWrites], appends: [], takesAway: false })
    server.acts.push(act)
    return { entryId: act.entryId }
  }
  const server = await startServer({ ports: { authenticate, record }, ...(options.mounts === undefined ? {} : { mounts: options.mounts }) })
  try {
    await run(server)
  } finally {
    await server.close()
  }
}

test('a key belongs to the principal that sent it', async () => {
  await withPorts({}, async ({ port }) => {
    const as = (credential: string, name: string) => send(port, { path: '/v1/things', body: { name }, credential, headers: { 'idempotency-key': 'same' } })
    const [one, two] = [await as('1', 'of one'), await as('2', 'of two')]
    assert.deepEqual([outcome(one), outcome(two)], ['201', '201'])
    assert.notEqual(one.json['thingId'], two.json['thingId'])
    assert.equal((await as('2', 'of two')).json['thingId'], two.json['thingId'])
    assert.equal(outcome(await as('2', 'of one')), '422 http/idempotency-mismatch')
  })
})

test('the same request many times at the same moment has one effect, and everybody hears of that one', async () => {
  const allDecided = Promise.withResolvers<void>()
  let decided = 0
  const beforeRecord = (): Promise<void> => {
    if (++decided === 6) allDecided.resolve()
    return allDecided.promise
  }
  await withPorts({ beforeRecord }, async ({ port, acts }) => {
    const request = { path: '/v1/things', body: { name: 'parallel' }, credential: '1', headers: { 'idempotency-key': 'same' } }
    const answers = await Promise.all(Array.from({ length: 6 }, () => send(port, request)))
    assert.deepEqual(answers.map(outcome), Array.from({ length: 6 }, () => '201'))
    assert.equal(new Set(answers.map(({ json }) => json['thingId'])).size, 1)
    assert.equal(answers.filter(({ json }) => 'secret' in json).length, 1)
    assert.equal(acts.length, 1)
  })
})

test('so has one that nothing but its key tells from its repetition', async () => {
  const allDecided = Promise.withResolvers<void>()
  let decided = 0
  const beforeRecord = (): Promise<void> => {
    if (++decided === 3) allDecided.resolve()
    return allDecided.promise
  }
  const log = operationsOf<null>().write({
    id: 'things.log', summary: 'Log', description: 'For tests.', http: 'POST /v1/log', permission: 'things:create', existence: 'things:read', roles: ['owner'], criticality: 'none',
    faults: [], event: 'thing.logged', takesAway: false, status: 200, input: {}, output: exactly({ entry: Type.Integer() }),
    decide: async () => ({ output: { entry: decided }, target: '', facts: {}, writes: [] }),
  })
  await withPorts({ beforeRecord, mounts: [{ operations: [log], services: null }] }, async ({ port, acts }) => {
    const request = { method: 'POST', path: '/v1/log', credential: '1', headers: { 'idempotency-key': 'same' } }
    const answers = await Promise.all(Array.from({ length: 3 }, () => send(port, request)))
    assert.deepEqual(answers.map(({ text }) => text), Array.from({ length: 3 }, () => answers[0]?.text))
    assert.equal(acts.length, 1)
  })
})

test('so has one whose repetition is refused because of what the first one did', async () => {
  const [firstDone, allCame] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let came = 0
  let isTaken = false
  const claim = operationsOf<null>().write({
    id: 'things.claim', summary: 'Claim', description: 'For tests.', http: 'POST /v1/claim', permission: 'things:create', existence: 'things:read', roles: ['owner'], criticality: 'none',
    faults: ['things/name-taken'], event: 'thing.claimed', takesAway: false, status: 200, input: {}, output: exactly({ claimed: Type.Boolean() }),
    decide: async () => {
      const turn = ++came
      if (turn === 3) allCame.resolve()
      await (turn === 1 ? allCame.promise : firstDone.promise)
      if (isTaken) throw thingFaults['name-taken']('Somebody was faster.')
      const committed = (): void => {
        isTaken = true
        firstDone.resolve()
      }
      return { output: { claimed: true }, target: '', facts: {}, writes: [], committed }
    },
  })
  await withPorts({ mounts: [{ operations: [claim], services: null }] }, async ({ port, acts }) => {
    const as = (key: string) => send(port, { method: 'POST', path: '/v1/claim', credential: '1', headers: { 'idempotency-key': key } })
    assert.deepEqual((await Promise.all([as('same'), as('same'), as('same')])).map(outcome), ['200', '200', '200'])
    assert.equal(outcome(await as('another')), '409 things/name-taken')
    assert.equal(acts.length, 1)
  })
})

test('a repetition that comes between reading and committing is told what the first one did', async () => {
  const { json } = await send(things.port, { path: '/v1/things', body: { name: 'overlapped' } })
  const [path, key] = [`/v1/things/${String(json['thingId'])}`, newKey()]
  things.acts.length = 0
  let reads = 0
  let inner: TestAnswer | undefined
  things.switches.afterRead = async () => {
    if (++reads === 1) inner = await keyed(key, { size: 4 }, { method: 'PATCH', path })
  }
  const outer = await keyed(key, { size: 4 }, { method: 'PATCH', path })
  things.switches.afterRead = () => Promise.resolve()
  assert.deepEqual(outer.json, inner?.json)
  assert.deepEqual([outer.headers['idempotency-replayed'], inner?.headers['idempotency-replayed']], ['true', undefined])
  assert.equal(things.acts.length, 1)
})

test('a key stands for the precondition too', async () => {
  const { json } = await send(things.port, { path: '/v1/things', body: { name: 'conditional' } })
  const [path, key] = [`/v1/things/${String(json['thingId'])}`, newKey()]
  const change = (ifMatch: string | null) =>
    keyed(key, { size: 4 }, { method: 'PATCH', path, ...(ifMatch === null ? {} : { headers: { 'if-match': ifMatch } }) })
  assert.equal(outcome(await change('"1"')), '200')
  assert.equal((await change('"1"')).headers['idempotency-replayed'], 'true')
  for (const other of ['"2"', null]) assert.equal(outcome(await change(other)), '422 http/idempotency-mismatch')
})

test('what answers say of somebody is erased with them, and a repetition has no second effect for that', async () => {
  const operation = operationsOf<null>()
  const common = {
    description: 'For tests.', permission: 'things:create', existence: 'things:read', roles: ['owner'], criticality: 'none', faults: [], status: 200, input: {},
  } as const
  let done = 0
  const meet = operation.write({
    ...common, id: 'people.meet', summary: 'Meet', http: 'POST /v1/meet', event: 'person.met', takesAway: false, output: exactly({ name: Type.String() }),
    decide: async () => ({ output: { name: `Ada Lovelace, ${++done}` }, target: 'key_1', subject: 'con_1', facts: {}, writes: [] }),
  })
  const forget = operation.write({
    ...common, id: 'people.forget', summary: 'Forget', http: 'POST /v1/forget', event: 'person.erased', takesAway: true, output: exactly({ forgotten: Type.Integer() }),
    decide: async () => ({ output: { forgotten: ++done }, target: 'con_1', facts: {}, erases: ['con_1'], writes: [] }),
  })
  await withPorts({ mounts: [{ operations: [meet, forget], services: null }] }, async ({ port, storage }) => {
    const as = (path: string, key: string) => send(port, { method: 'POST', path, credential: '1', headers: { 'idempotency-key': key } })
    // More than one commit erases.
    for (let at = 0; at < 501; at++) await as('/v1/meet', `key ${at}`.replace(' ', '-'))
    assert.equal((await as('/v1/meet', 'key-0')).json['name'], 'Ada Lovelace, 1')
    assert.equal(outcome(await as('/v1/forget', 'f')), '200')
    const stored = await storage.reader<{ idempotency_keys: KeyRow }>().selectFrom('idempotency_keys').selectAll().execute()
    assert.equal(stored.length, 502)
    assert.deepEqual(stored.filter((row) => JSON.stringify(row).includes('Ada Lovelace')), [])
    assert.equal(outcome(await as('/v1/meet', 'key-0')), '409 http/answer-erased')
    assert.equal(outcome(await as('/v1/meet', 'key-500')), '409 http/answer-erased')
    assert.deepEqual((await as('/v1/forget', 'f')).json, { forgotten: 502 }, 'the erasure itself is answered as before')
    assert.equal(done, 502)
  })
})

test('a refusal is not kept: corrected, the request may take the same key', async () => {
  const key = newKey()
  assert.equal(outcome(await keyed(key, { name: '' })), '400 http/invalid-input')
  await send(things.port, { path: '/v1/things', body: { name: 'in the way' } })
  assert.equal(outcome(await keyed(key, { name: 'in the way' })), '409 things/name-taken')
  assert.equal(outcome(await keyed(key, { name: 'out of the way' })), '201')
})

test('a key is known for 24 hours by the clock, and then free for another request', async () => {
  const key = newKey()
  const first = await keyed(key, { name: 'yesterday' })
  nowMs += idempotencyKeptMs - 1
  assert.equal((await keyed(key, { name: 'yesterday' })).json['thingId'], first.json['thingId'])
  nowMs += 1
  const next = await keyed(key, { name: 'today' })
  assert.deepEqual([outcome(next), next.headers['idempotency-replayed']], ['201', undefined])
  assert.equal((await keyed(key, { name: 'today' })).json['thingId'], next.json['thingId'])
  nowMs -= 1
  assert.equal(outcome(await keyed(key, { name: 'yesterday' })), '422 http/idempotency-mismatch', 'a clock set back brings nothing back')
})

test('keys that are older are purged, some at a time, and younger ones stay', async () => {
  nowMs += idempotencyKeptMs + 1
  await keyed(newKey(), { name: 'young' })
  const before = await rows()
  assert.ok(before.length > 1)
  assert.equal(await purgeIdempotencyKeys(things.storage, nowMs), before.length - 1)
  assert.equal((await rows()).length, 1)
  assert.equal(await purgeIdempotencyKeys(things.storage, nowMs), 0)
})

test('reads take a key and heed it not', async () => {
  const list = () => send(things.port, { path: '/v1/things?limit=1', headers: { 'idempotency-key': 'read' } })
  assert.deepEqual([outcome(await list()), (await list()).headers['idempotency-replayed']], ['200', undefined])
})

test('a write is said to be done already only when everybody who remembers anything has heard of it', async () => {
  const { storage } = things
  const heard: string[] = []
  const told = Promise.withResolvers<void>()
  // As the writer's thread has it: a reader sees what is applied a moment before those hear of it who follow commits.
  const context = {
    storage: { ...storage, exclusive: true, commit: (commit) => told.promise.then(() => storage.commit(commit)) }, clock: createClock(() => nowMs),
  } as ServerContext
  // What of a route and a caller is looked at.
  const route = { operation: { id: 'things.create', http: 'POST /v1/things' }, hasVersion: false } as unknown as Route
  const caller = { workspaceId: 'wsp_0000000000000000', principalId: 'prn_0000000000000000' } as unknown as Caller
  const replay = createReplay(context, route, caller, { params: {}, query: {}, body: { name: 'applied' } }, newKey(), null)
  assert.equal(await replay.find(), null)
  await storage.commit({ atMs: nowMs, expects: [], writes: [replay.writeFor({ status: 201, output: {}, subject: '' }, 'ent_1', nowMs)], appends: [], takesAway: false })
  const answered = replay.find().then(() => heard.push('the client'))
  await new Promise((resolve) => setImmediate(resolve))
  heard.push('everybody')
  told.resolve()
  await answered
  assert.deepEqual(heard, ['everybody', 'the client'])
})
