import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import { startTestProvider, type TestProvider } from '../../tests/sdk/support/provider.ts'
import { createRpcServer } from './server.ts'

/** Stands where the node stands, and keeps what reaches it. */
const reached: { readonly method: string; readonly id: unknown }[] = []
let nodeIsAway = false
let node: Server
let provider: TestProvider
let app: ReturnType<typeof createRpcServer>
let url = ''
let readKey = ''
let writeKey = ''

before(async () => {
  node = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (nodeIsAway) return void request.socket.destroy()
      const batch = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { id: number; method: string }[]
      reached.push(...batch)
      // In another order than asked, which JSON-RPC allows.
      const answers = batch.toReversed().map(({ id, method }) => ({ jsonrpc: '2.0', id, result: `did ${method}` }))
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answers))
    })
  })
  await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve))
  provider = await startTestProvider()
  readKey = (await provider.issue()).secret
  writeKey = (await provider.issue({ permissions: ['rpc:read', 'rpc:write'] })).secret
  app = createRpcServer({
    nodeUrl: `http://127.0.0.1:${(node.address() as AddressInfo).port}`,
    claviger: { url: provider.instance.url, credential: provider.verifier.secret, environmentId: provider.productionId },
  })
  url = await app.listen({ host: '127.0.0.1', port: 0 })
})
after(async () => {
  await app.close()
  node.close()
  node.closeAllConnections()
  await provider.close()
})
beforeEach(() => {
  reached.length = 0
  nodeIsAway = false
})

interface Answer {
  readonly status: number
  readonly json: unknown
}

async function post(body: unknown, key = readKey): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` }, body: text })
  const answer = await response.text()
  return { status: response.status, json: answer === '' ? null : (JSON.parse(answer) as unknown) }
}

const call = (method: string, id: unknown = 1) => ({ jsonrpc: '2.0', id, method, params: [] })
const methods = () => reached.map(({ method }) => method)
const errorCodes = (json: unknown) => (json as { id: unknown; error?: { code: number } }[]).map(({ id, error }) => [id, error?.code])

test('a reading method takes rpc:read, and sending a transaction rpc:write', async () => {
  assert.deepEqual(await post(call('eth_blockNumber', 'a')), { status: 200, json: { jsonrpc: '2.0', id: 'a', result: 'did eth_blockNumber' } })
  assert.equal((await post(call('eth_sendRawTransaction'))).status, 403)
  assert.equal((await post(call('eth_sendRawTransaction'), writeKey)).status, 200)
  assert.deepEqual(methods(), ['eth_blockNumber', 'eth_sendRawTransaction'])
})

test('a method that is not in the list is refused to every key, however it is spelt', async () => {
  for (const method of ['anvil_setBalance', 'eth_sendTransaction', 'eth_accounts', 'debug_traceTransaction', 'constructor', '__proto__', 'toString', '', 'ETH_BLOCKNUMBER', ' eth_blockNumber', 'eth_blockNumber\0']) {
    assert.equal((await post(call(method), writeKey)).status, 403, method)
    assert.deepEqual(errorCodes((await post([call(method)], writeKey)).json), [[1, 4100]], method)
  }
  assert.deepEqual(methods(), [])
})

test('in a batch each call is authorised by itself, and answered in its place', async () => {
  const { status, json } = await post([call('eth_blockNumber', 'x'), call('eth_sendRawTransaction', 2), call('anvil_mine', 3), call('eth_chainId', 'x'), { id: 4 }, 7])
  assert.equal(status, 200)
  assert.deepEqual(errorCodes(json), [['x', undefined], [2, 4100], [3, 4100], ['x', undefined], [null, -32600], [null, -32600]])
  const results = (json as { result?: string }[]).map(({ result }) => result)
  assert.deepEqual(results, ['did eth_blockNumber', undefined, undefined, 'did eth_chainId', undefined, undefined])
  assert.deepEqual(methods(), ['eth_blockNumber', 'eth_chainId'])
})

test('what reaches the node is what was authorised: of a method that stands there twice, the one that was read', async () => {
  assert.equal((await post('{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","method":"eth_blockNumber"}')).status, 200)
  assert.equal((await post('{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","method":"eth_sendRawTransaction"}')).status, 403)
  assert.deepEqual(methods(), ['eth_blockNumber'])
})

test('no key, a revoked one, and one of another environment reach nothing, in a batch or not', async () => {
  const revoked = await provider.issue()
  await provider.claviger.keys.revoke({ keyId: revoked.keyId, reason: 'superseded' })
  const other = await provider.issue({ environmentId: provider.testId })
  for (const key of ['', 'nonsense', revoked.secret, other.secret]) {
    for (const body of [call('eth_blockNumber'), [call('eth_blockNumber')], [], {}, 'null']) assert.equal((await post(body, key)).status, 401)
  }
  assert.deepEqual(methods(), [])
})

test('a batch has a bound, and an empty one is none', async () => {
  for (const body of [[], Array.from({ length: 21 }, (_, id) => call('eth_chainId', id))]) assert.equal((await post(body)).status, 400)
  assert.equal((await post(Array.from({ length: 20 }, (_, id) => call('eth_chainId', id)))).status, 200)
  assert.equal(reached.length, 20)
})

test('a notification is carried out and not answered', async () => {
  assert.deepEqual(await post({ jsonrpc: '2.0', method: 'eth_chainId' }), { status: 204, json: null })
  assert.deepEqual(errorCodes((await post([{ jsonrpc: '2.0', method: 'eth_chainId' }, call('eth_gasPrice')])).json), [[1, undefined]])
  assert.deepEqual(methods(), ['eth_chainId', 'eth_chainId', 'eth_gasPrice'])
})

test('a node that is away is an error of each call', async () => {
  nodeIsAway = true
  assert.deepEqual(errorCodes((await post([call('eth_chainId', 1), call('eth_gasPrice', 2)])).json), [[1, -32603], [2, -32603]])
})
