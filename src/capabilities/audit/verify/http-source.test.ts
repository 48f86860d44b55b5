import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { workspaceId } from './fixtures.ts'
import { httpSource, SourceRefused } from './http-source.ts'
import { VerifyProblem } from './problem.ts'
import type { LogSource } from './source.ts'

let answer: (request: IncomingMessage, response: ServerResponse) => void = () => {}
const server = createServer((request, response) => answer(request, response))
let source: LogSource

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  source = httpSource({ fetch, url: `http://127.0.0.1:${port}/`, credential: 'clv_live_secret', workspaceId })
})

after(() => {
  server.close()
  server.closeAllConnections()
})

const answering = (status: number, body: string | Buffer): void => {
  answer = (_, response) => response.writeHead(status, { 'content-type': 'application/json' }).end(body)
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = []
  for await (const item of items) list.push(item)
  return list
}

const isMalformed = (error: unknown): boolean => error instanceof VerifyProblem && error.code === 'source-malformed'

test('it asks with its credential, page by page, and gives checkpoints smallest first', async () => {
  const asked: string[] = []
  answer = (request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization}`)
    const page = request.url!.includes('cursor') ? { items: [{ checkpoint: 'one' }], nextCursor: null } : { items: [{ checkpoint: 'three' }, { checkpoint: 'two' }], nextCursor: 'a b' }
    response.end(JSON.stringify(page))
  }
  assert.deepEqual(await all(source.checkpoints()), ['one', 'two', 'three'])
  const path = `/v1/logs/${workspaceId}/checkpoints?limit=100`
  assert.deepEqual(asked, [`GET ${path} Bearer clv_live_secret`, `GET ${path}&cursor=a%20b Bearer clv_live_secret`])
})

test('what a server shows of keys, rows and blocks is taken as it is, and that it may go on growing', async () => {
  assert.equal(source.isLive, true)
  answering(200, '{"keys":[{"verifierKey":"one","more":1},{"verifierKey":"other"}]}')
  assert.deepEqual(await source.vkeys(), ['one', 'other'])
  answering(200, 'the note')
  assert.equal(await source.checkpoint(), 'the note')
  answering(200, Buffer.of(1, 255))
  assert.deepEqual(Buffer.from((await source.tile('tile/0/000'))!), Buffer.of(1, 255))
  assert.equal(await source.tile('tile/0/../../keys'), null, 'no tile, so it is not even asked for')
  const row = { table: 'keys', id: 'k', row: { id: 'k', version: 1 }, head: { version: 1, digest: 'x' } }
  for (const macHolds of [true, false, undefined]) {
    answering(200, JSON.stringify({ items: [{ ...row, salt: 'AQI', ...(macHolds === undefined ? {} : { macHolds }) }], nextCursor: null }))
    assert.deepEqual(await all(source.rows()), [{ ...row, salt: Buffer.of(1, 2), ...(macHolds === undefined ? {} : { macHolds }) }])
  }
  for (const salt of ['AQ', 'AQI=', 'AQJ', '!', ' AQI', '+/8']) {
    answering(200, JSON.stringify({ items: [{ ...row, salt }], nextCursor: null }))
    if (salt === 'AQ') await all(source.rows())
    else await assert.rejects(all(source.rows()), isMalformed, `${salt} is not how bytes are spelt`)
  }
  const block = { blockId: 'blk_1', uses: 3, from: 'a', to: 'b', sections: Buffer.of(1, 2, 255, 3).toString('base64') }
  for (const environmentId of ['env_1', null]) {
    answering(200, JSON.stringify({ items: [{ ...block, environmentId }], nextCursor: null }))
    assert.deepEqual(await all(source.blocks()), [{ id: 'blk_1', environment: environmentId ?? '', uses: 3, from: 'a', to: 'b', sections: Buffer.of(1, 2, 255, 3) }])
  }
})

test('a tile that is not there is null, and a refusal says what the server said', async () => {
  answering(404, '{"code":"audit/no-such-tile"}')
  assert.equal(await source.tile('tile/0/000'), null)
  assert.equal(await source.tile('tile/0/../../keys'), null)
  answering(503, '{"code":"audit/log-damaged","detail":"Its tile is gone."}')
  for (const read of [() => source.tile('tile/0/000'), () => source.checkpoint(), () => all(source.rows())]) {
    await assert.rejects(read, (error) => error instanceof SourceRefused && error.status === 503 && error.code === 'audit/log-damaged' && error.detail === 'Its tile is gone.')
  }
  answering(502, 'Bad Gateway')
  await assert.rejects(source.vkeys(), (error) => error instanceof SourceRefused && error.code === '' && error.status === 502)
})

test('answers of another form are refused', async () => {
  const reads = [() => source.vkeys(), () => all(source.checkpoints()), () => all(source.rows()), () => all(source.blocks())]
  for (const body of ['', '[]', 'null', '{}', '{"items":{},"nextCursor":null}', '{"items":[],"nextCursor":5}', '{"items":[],"items":[],"nextCursor":null}', '{"keys":[5]}', '{"keys":[{}]}']) {
    answering(200, body)
    for (const read of reads) await assert.rejects(read, isMalformed, body)
  }
  for (const item of ['5', '{}', '{"checkpoint":5}', '{"table":"keys","id":"k","salt":"!","content":{},"headVersion":null,"headDigest":null}', '{"blockId":"b","uses":1,"from":"","to":"","sections":"AB"}']) {
    answering(200, `{"items":[${item}],"nextCursor":null}`)
    for (const read of reads.slice(1)) await assert.rejects(read, isMalformed, item)
  }
})

test('a credential goes nowhere that the server points to', async () => {
  answer = (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end()
  await assert.rejects(source.checkpoint(), TypeError)
})

test('a body without end is cut off', async () => {
  answer = (_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536))) { /* until the socket is full */ }
    }
    response.on('drain', more)
    more()
  }
  await assert.rejects(source.checkpoint(), isMalformed)
})
