/** What is left of somebody who was erased: in no file of the instance, and in no answer, is there anything that tells who it was. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { call, startTestInstance, type CallAnswer, type TestInstance } from '../support/instance.ts'

let instance: TestInstance
before(async () => {
  instance = await startTestInstance({ exampleApi: true })
})
after(() => instance.close())

let keyed = 0
/** Every write with an idempotency key of its own; answers how to repeat it. */
const requests: { readonly done: CallAnswer; readonly again: () => Promise<CallAnswer> }[] = []
async function act(method: string, path: string, body?: unknown, credential?: string): Promise<Readonly<Record<string, unknown>>> {
  const options = { headers: { 'idempotency-key': `request-${++keyed}` }, ...(credential === undefined ? {} : { credential }) }
  const again = () => call(instance, method, path, body, options)
  const done = await again()
  assert.ok(done.status < 300, done.text)
  requests.push({ done, again })
  return done.json
}

/** The files that hold any of these, as text. */
const filesWith = (...texts: readonly string[]): readonly string[] =>
  readdirSync(instance.dataDirectory).filter((file) => {
    const bytes = readFileSync(join(instance.dataDirectory, file))
    return texts.some((text) => bytes.includes(text))
  })

async function untilCut(keyId: string): Promise<void> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const { json } = await call(instance, 'GET', `/v1/keys/${keyId}/uses`)
    if ((json['items'] as readonly unknown[]).length > 0) return
  }
  assert.fail('no use was cut')
}

/** What repeats a write on somebody who was erased: no second effect, and nothing that tells who it was. */
async function repeatAll(...texts: readonly string[]): Promise<void> {
  const erasure = requests.at(-1)
  for (const { done, again } of requests.splice(0)) {
    const answer = await again()
    assert.ok(texts.every((text) => !answer.text.includes(text)), answer.text)
    if (done === erasure?.done) assert.equal(answer.status, 200)
    else if (texts.some((text) => done.text.includes(text))) assert.equal(answer.json['code'], 'http/answer-erased', done.text)
  }
}

test('of an erased consumer, its name, its keys\' names and restrictions, and where they were used from', async () => {
  const [name, range, ip] = ['Zebedee Quill', '203.0.113.77/32', '203.0.113.77']
  const listed = async <Item>(path: string) => (await call(instance, 'GET', path)).json['items'] as readonly Item[]
  const demo = (await listed<{ readonly apiId: string; readonly slug: string }>('/v1/apis')).find(({ slug }) => slug === 'demo')
  const environment = (await listed<{ readonly environmentId: string; readonly apiId: string }>('/v1/environments')).find(({ apiId }) => apiId === demo?.apiId)
  const { consumerId } = await act('POST', '/v1/consumers', { reference: 'quill-7', name })
  await act('PATCH', `/v1/consumers/${String(consumerId)}`, { name: `${name} II` })
  const body = { environmentId: environment?.environmentId, consumerId, name: `phone of ${name}`, permissions: [], ipRanges: [range] }
  const { keyId, secret } = await act('POST', '/v1/keys', body)
  await act('PATCH', `/v1/keys/${String(keyId)}`, { name: `tablet of ${name}` })
  await act('POST', `/v1/keys/${String(keyId)}/disable`)
  await act('POST', `/v1/keys/${String(keyId)}/enable`)
  assert.equal((await call(instance, 'POST', '/v1/keys/verify', { key: secret, clientIp: ip })).json['valid'], true)
  await untilCut(String(keyId))
  await act('POST', `/v1/keys/${String(keyId)}/revoke`, { reason: 'superseded' })
  const texts = [name, 'quill-7', ip]
  assert.notDeepEqual(filesWith(...texts), [])
  await act('POST', `/v1/consumers/${String(consumerId)}/erase`)
  assert.deepEqual(filesWith(...texts), [])
  await repeatAll(...texts)
})

/** What was recorded in the last second is in the clear until it is cut, and then in none of the files. */
async function untilGone(text: string): Promise<void> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await new Promise((resolve) => setTimeout(resolve, 50))) {
    if (filesWith(text).length === 0) return
  }
  assert.deepEqual(filesWith(text), [])
}

test('of an erased consumer, from where its keys were used right before, and tried afterwards', async () => {
  const environments = (await call(instance, 'GET', '/v1/environments')).json['items'] as readonly { readonly environmentId: string; readonly kind: string }[]
  const environment = environments.find(({ kind }) => kind === 'development')
  const { consumerId } = await act('POST', '/v1/consumers', { reference: 'quill-8' })
  const { secret } = await act('POST', '/v1/keys', { environmentId: environment?.environmentId, consumerId, name: 'phone', permissions: [] })
  const verifiedFrom = async (clientIp: string): Promise<unknown> => (await call(instance, 'POST', '/v1/keys/verify', { key: secret, clientIp })).json['code']
  assert.equal(await verifiedFrom('198.51.100.123'), 'valid')
  await instance.instance.uses.flush()
  await act('POST', `/v1/consumers/${String(consumerId)}/erase`)
  await untilGone('198.51.100.123')
  assert.equal(await verifiedFrom('198.51.100.124'), 'revoked')
  await instance.instance.uses.flush()
  await untilGone('198.51.100.124')
  requests.length = 0
})

test('of an erased principal, its name and its credentials\' names and restrictions', async () => {
  const [name, range] = ['Ottoline Frame', '127.0.0.0/29']
  const { principalId } = await act('POST', '/v1/principals', { name, role: 'developer' })
  await act('PATCH', `/v1/principals/${String(principalId)}`, { name: `${name} II` })
  const { keyId, secret } = await act('POST', `/v1/principals/${String(principalId)}/credentials`, { name: `laptop of ${name}`, ipRanges: [range] })
  assert.equal((await call(instance, 'GET', '/v1/self', undefined, { credential: String(secret) })).status, 200)
  await untilCut(String(keyId))
  await act('POST', `/v1/keys/${String(keyId)}/disable`)
  const texts = [name, range]
  assert.notDeepEqual(filesWith(...texts), [])
  await act('POST', `/v1/principals/${String(principalId)}/erase`)
  assert.deepEqual(filesWith(...texts), [])
  await repeatAll(...texts)
})
