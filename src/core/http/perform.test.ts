import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { Type } from 'typebox'
import { CommitConflict } from '#core/storage/commit'
import { outcomeOf as outcome, send, startServer, thingTable, type TestAnswer, type TestServer } from './fixtures.ts'
import { operationsOf } from './operation.ts'
import { exactly } from './schema.ts'

let things: TestServer
before(async () => {
  things = await startServer()
})
after(() => things.close())
afterEach(() => {
  things.acts.length = 0
  things.switches.afterRead = () => Promise.resolve()
})

const create = (name: string, size = 1): Promise<TestAnswer> => send(things.port, { path: '/v1/things', body: { name, size } })
const at = ({ json }: TestAnswer): string => `/v1/things/${String(json['thingId'])}`
const resize = (path: string, size: number, headers: Record<string, string> = {}): Promise<TestAnswer> =>
  send(things.port, { method: 'PATCH', path, body: { size }, headers })

/** What another server might do at the very moment. */
async function changeBehindBack(path: string): Promise<void> {
  const { json } = await send(things.port, { path })
  const row = { id: String(json['thingId']), version: Number(json['version']) + 1, name: String(json['name']), size: 99 }
  await things.storage.commit({ atMs: 1, expects: [], writes: [{ kind: 'update', table: thingTable, row }], appends: [], takesAway: false })
}

test('a write answers with its entry and its version, and is recorded once with who, what and when', async () => {
  const answer = await create('recorded')
  assert.equal(outcome(answer), '201')
  const [act, ...more] = things.acts
  assert.ok(act !== undefined && more.length === 0)
  assert.equal(answer.headers['claviger-audit-entry'], act.entryId)
  assert.equal(answer.headers['etag'], '"1"')
  assert.deepEqual([act.operation, act.event, act.requestId, act.clientIp], ['things.create', 'thing.created', answer.headers['claviger-request-id'], '127.0.0.1'])
  assert.equal((await send(things.port, { path: at(answer) })).headers['etag'], '"1"')
})

test('If-Match lets through the version that was read, and nothing after it', async () => {
  const path = at(await create('matched'))
  const changed = await resize(path, 2, { 'if-match': '"1"' })
  assert.deepEqual([outcome(changed), changed.headers['etag']], ['200', '"2"'])
  assert.equal(outcome(await resize(path, 3, { 'if-match': '"1"' })), '412 http/precondition-failed')
  assert.equal((await send(things.port, { path })).json['size'], 2)
  assert.equal(outcome(await resize(path, 3)), '200')
})

test('a decision that was overtaken is made again, on what is there then', async () => {
  const path = at(await create('overtaken'))
  let reads = 0
  things.switches.afterRead = async () => {
    if (++reads === 1) await changeBehindBack(path)
  }
  const answer = await resize(path, 5)
  assert.deepEqual([outcome(answer), answer.json['version'], reads], ['200', 3, 2])
  assert.equal(things.acts.length, 2)
})

test('with If-Match it is not made again over somebody else\'s change, but refused', async () => {
  const path = at(await create('guarded'))
  things.switches.afterRead = () => changeBehindBack(path)
  assert.equal(outcome(await resize(path, 5, { 'if-match': '"1"' })), '412 http/precondition-failed')
  assert.equal((await send(things.port, { path })).json['size'], 99)
})

test('a decision that is overtaken every time ends after five attempts with a conflict', async () => {
  const path = at(await create('contended'))
  let reads = 0
  things.switches.afterRead = () => {
    reads++
    return changeBehindBack(path)
  }
  assert.equal(outcome(await resize(path, 5)), '409 storage/conflict')
  assert.equal(reads, 5)
  assert.equal(things.acts.length, 1)
})

test('of many changes at the same time none is lost', async () => {
  const path = at(await create('busy'))
  const answers = await Promise.all(Array.from({ length: 4 }, (_, size) => resize(path, size)))
  const done = answers.filter(({ status }) => status === 200)
  assert.ok(done.length > 0)
  assert.deepEqual(answers.filter(({ status }) => status !== 200).map(outcome).filter((text) => text !== '409 storage/conflict'), [])
  assert.equal((await send(things.port, { path })).json['version'], 1 + done.length)
})

test('a taken name is told in the words of the operation, and nothing is written', async () => {
  await create('taken')
  assert.equal(outcome(await create('taken')), '409 things/name-taken')
  assert.equal(things.acts.length, 1)
})

test('what a write needs is deleted by another: it is told that there is nothing', async () => {
  const path = at(await create('short-lived'))
  assert.equal(outcome(await send(things.port, { method: 'DELETE', path })), '200')
  assert.equal(outcome(await resize(path, 5)), '404 things/not-found')
})

/** Operations that do not keep their word. */
async function withLiars(run: (server: TestServer, path: (name: string) => string) => Promise<void>): Promise<void> {
  const committed: string[] = []
  const operation = operationsOf<unknown>()
  const common = {
    description: 'For tests.', existence: 'things:read', roles: ['owner'], criticality: 'none', permission: 'things:create', faults: [], event: 'thing.lied',
    takesAway: false, status: 200, input: {}, output: exactly({ told: Type.Boolean() }),
  } as const
  const row = { id: 'key_0000000000000009', version: 1, name: 'lied', size: null }
  const writes = [{ kind: 'insert', table: thingTable, row }] as const
  const server = await startServer({
    mounts: [{
      services: null,
      operations: [
        operation.write({ ...common, id: 'things.lie', summary: 'Lie', http: 'POST /v1/lie', decide: async () => ({ output: { told: true, more: 'secret-more' } as never, target: '', facts: {}, writes }) }),
        operation.write({ ...common, id: 'things.collide', summary: 'Collide', http: 'POST /v1/collide', decide: async () => {
          throw new CommitConflict('unique', 'things', 'things_unknown')
        } }),
        operation.write({ ...common, id: 'things.stumble', summary: 'Stumble', http: 'POST /v1/stumble', decide: async () => ({ output: { told: true }, target: '', facts: {}, writes: [], committed: () => committed.push('stumble') }) }),
      ],
    }],
  })
  try {
    await run(server, (name) => `/v1/${name}`)
    assert.deepEqual(committed, ['stumble'])
  } finally {
    await server.close()
  }
}

test('a write that would answer what it does not declare is not done', async () => {
  await withLiars(async (server, path) => {
    const lie = await send(server.port, { method: 'POST', path: path('lie') })
    assert.deepEqual([outcome(lie), server.acts.length], ['500 core/internal', 0])
    assert.ok(!lie.text.includes('more') && server.logLines.some((line) => line.includes('H7: things.lie')))
    assert.equal(outcome(await send(server.port, { method: 'POST', path: path('collide') })), '409 storage/conflict')
    assert.equal(outcome(await send(server.port, { method: 'POST', path: path('stumble') })), '200')
  })
})
