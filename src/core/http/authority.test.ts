import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { test } from 'node:test'
import { asId } from '#core/base/id'
import { httpFaults } from './faults.ts'
import { answerOf, outcomeOf as outcome, send, startServer, thingTable, type TestAnswer, type TestServer } from './fixtures.ts'
import type { Caller } from './operation.ts'
import type { Act, Authenticate } from './ports.ts'

/** Who calls, as the test says at the moment; null: the credential is refused. */
interface Authority {
  permissions: ReadonlySet<string> | null
  expects: Caller['expects']
  /** Of each look, whether it was another one for the same request. */
  readonly looks: boolean[]
  /** Answers later, as one does that has to ask the database. */
  isSlow: boolean
}

const all = new Set(['things:create', 'things:read', 'things:update', 'things:delete'])

async function withAuthority(run: (server: TestServer, authority: Authority) => Promise<void>): Promise<void> {
  const authority: Authority = { permissions: all, expects: [], looks: [], isSlow: false }
  const authenticate: Authenticate = (_credential, _client, again = false) => {
    authority.looks.push(again)
    if (authority.permissions === null) throw httpFaults.unauthenticated('The credential is not valid.')
    const caller: Caller = {
      workspaceId: asId('wsp', 'wsp_0000000000000000'), principalId: asId('prn', 'prn_0000000000000000'), keyId: asId('key', 'key_0000000000000000'),
      permissions: authority.permissions, expects: authority.expects,
    }
    return authority.isSlow ? new Promise((resolve) => setImmediate(resolve, caller)) : caller
  }
  const record = async (act: Act) => {
    const expects = [...act.caller.expects, ...(act.decision.expects ?? [])]
    await server.storage.commit({ atMs: act.atMs, expects, writes: [...act.decision.writes, ...act.extraWrites], appends: [], takesAway: false })
    server.acts.push(act)
    return { entryId: act.entryId }
  }
  const server = await startServer({ ports: { authenticate, record } })
  try {
    await run(server, authority)
  } finally {
    await server.close()
  }
}

/** A request of which the server was told everything but the last byte, by a client that was asked to go on. */
async function park(port: number, path: string, body: unknown): Promise<() => Promise<TestAnswer>> {
  const payload = JSON.stringify(body)
  const request = httpRequest({
    port, path, method: 'POST', agent: false,
    headers: { authorization: 'Bearer somebody', 'content-type': 'application/json', 'content-length': payload.length, expect: '100-continue' },
  })
  const answered = new Promise<TestAnswer>((resolve, reject) => {
    request.on('error', reject)
    request.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('end', () => resolve(answerOf(response.statusCode ?? 0, response.headers, text)))
    })
  })
  await new Promise((resolve) => request.on('continue', resolve).flushHeaders())
  request.write(payload.slice(0, -1))
  return () => {
    request.end(payload.slice(-1))
    return answered
  }
}

const parked = [['/v1/things', { name: 'late' }], ['/v1/things/echo', {}]] as const

test('H12: whoever lost the credential while the body was still coming is refused, and nothing is done', async () => {
  for (const [path, body] of parked) {
    await withAuthority(async (server, authority) => {
      const finish = await park(server.port, path, body)
      authority.permissions = null
      const answer = await finish()
      assert.deepEqual([outcome(answer), answer.headers['www-authenticate']], ['401 http/unauthenticated', 'Bearer realm="claviger", error="invalid_token"'])
      assert.deepEqual([server.acts, authority.looks], [[], [false, true]])
    })
  }
})

test('H12: whoever lost the permission while the body was still coming is refused, and nothing is done', async () => {
  for (const [path, body] of parked) {
    await withAuthority(async (server, authority) => {
      const finish = await park(server.port, path, body)
      authority.permissions = new Set()
      assert.equal(outcome(await finish()), '403 http/forbidden')
      assert.deepEqual(server.acts, [])
    })
  }
})

test('H12: a body that took its time is answered as ever when nothing changed, and the write is the caller\'s of now', async () => {
  await withAuthority(async (server, authority) => {
    const finish = await park(server.port, '/v1/things', { name: 'late' })
    authority.permissions = new Set(['things:create'])
    assert.equal(outcome(await finish()), '201')
    assert.equal(server.acts[0]?.caller.permissions, authority.permissions)
  })
})

test('a request that comes whole is authenticated once', async () => {
  await withAuthority(async (server, authority) => {
    for (authority.isSlow of [false, true]) {
      assert.equal(outcome(await send(server.port, { path: '/v1/things', body: { name: `whole ${authority.isSlow}` } })), '201')
      assert.equal(outcome(await send(server.port, { path: '/v1/things/echo', body: {} })), '200')
      assert.equal(outcome(await send(server.port, { path: '/v1/things' })), '200')
    }
    assert.deepEqual(authority.looks, Array.from({ length: 6 }, () => false))
  })
})

/** A thing stands for the rows of the caller. */
async function withCallersRow(run: (server: TestServer, authority: Authority, path: string, touch: () => Promise<unknown>) => Promise<void>): Promise<void> {
  await withAuthority(async (server, authority) => {
    const { json } = await send(server.port, { path: '/v1/things', body: { name: 'the caller' } })
    const { json: other } = await send(server.port, { path: '/v1/things', body: { name: 'the target' } })
    const id = String(json['thingId'])
    let version = 1
    authority.expects = [{ table: thingTable, id, version }]
    const touch = () => {
      version++
      return server.storage.commit({ atMs: 1, expects: [], writes: [{ kind: 'update', table: thingTable, row: { id, version, name: 'the caller', size: null } as never }], appends: [], takesAway: false })
    }
    server.acts.length = 0
    await run(server, authority, `/v1/things/${String(other['thingId'])}`, touch)
  })
}

const resize = (port: number, path: string): Promise<TestAnswer> => send(port, { method: 'PATCH', path, body: { size: 7 } })

test('H12: whoever lost the credential between decision and commit is refused as that, and nothing is done', async () => {
  await withCallersRow(async (server, authority, path, touch) => {
    server.switches.afterRead = async () => {
      authority.permissions = null
      await touch()
    }
    assert.equal(outcome(await resize(server.port, path)), '401 http/unauthenticated')
    authority.permissions = all
    assert.deepEqual([server.acts, (await send(server.port, { path })).json['size']], [[], null])
  })
})

test('H12: whoever lost the permission between decision and commit is refused as that', async () => {
  await withCallersRow(async (server, authority, path, touch) => {
    server.switches.afterRead = async () => {
      authority.permissions = new Set(['things:read'])
      await touch()
    }
    assert.equal(outcome(await resize(server.port, path)), '403 http/forbidden')
    assert.deepEqual(server.acts, [])
  })
})

test('a caller whose rows changed and who may still act is heard, as the caller of now', async () => {
  await withCallersRow(async (server, authority, path, touch) => {
    let reads = 0
    server.switches.afterRead = async () => {
      if (++reads > 1) return
      await touch()
      authority.expects = [{ ...authority.expects[0]!, version: 2 }]
    }
    assert.equal(outcome(await resize(server.port, path)), '200')
    assert.deepEqual([reads, server.acts.map(({ caller }) => caller.expects[0]?.version)], [2, [2]])
  })
})
