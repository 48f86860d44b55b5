import assert from 'node:assert/strict'
import { after, before, test, type TestContext } from 'node:test'
import { ClavigerProblem, ClavigerSecretLost, ClavigerUnavailable, createClaviger, isProblemOf, type AnswerInfo, type Claviger } from '@claviger/sdk'
import { parseCheckpoint, openNote, verifyReceipt } from '@claviger/verifier'
import { startCuttingProxy, type Cut } from './support/cutting-proxy.ts'
import { startTestProvider, type TestProvider } from './support/provider.ts'

let provider: TestProvider
before(async () => {
  provider = await startTestProvider()
})
after(() => provider.close())

/** A client on the other side of a network that fails as planned, connection after connection. */
async function clientThrough(context: TestContext, ...plan: Cut[]): Promise<Claviger> {
  const proxy = await startCuttingProxy(provider.instance.port, plan)
  context.after(() => proxy.close())
  return createClaviger({ url: proxy.url, credential: provider.instance.ownerSecret, timeoutMs: 5_000 })
}

const newKey = () => ({ environmentId: provider.productionId, name: 'a key', permissions: ['rpc:read'] })

async function errorOf(work: Promise<unknown>): Promise<Error> {
  const error: unknown = await work.then(() => null, (reason: unknown) => reason)
  assert.ok(error instanceof Error, 'it rejects')
  return error
}

async function entriesAbout(target: string, event: string): Promise<number> {
  let count = 0
  for await (const _entry of provider.claviger.audit.listAllEntries({ target, event })) count++
  return count
}

test('a key is created, read, changed, found, disabled, enabled, verified and revoked through typed methods', async () => {
  const { claviger } = provider
  const created = await claviger.keys.create({ ...newKey(), name: 'first', expiresAt: new Date(Date.now() + 86_400_000).toISOString() })
  assert.match(created.secret, /^rpc_live_/)
  const got = await claviger.keys.get({ keyId: created.keyId })
  assert.equal(got.name, 'first')
  assert.equal('secret' in got, false)
  const changed = await claviger.keys.update({ keyId: created.keyId, name: 'renamed' }, { ifMatch: got.version })
  assert.deepEqual([changed.name, changed.version], ['renamed', got.version + 1])
  const { items } = await claviger.keys.list({ environmentId: provider.productionId, search: 'renamed' })
  assert.deepEqual(items.map(({ keyId }) => keyId), [created.keyId])
  assert.equal((await claviger.keys.disable({ keyId: created.keyId })).status, 'disabled')
  assert.equal((await claviger.keys.enable({ keyId: created.keyId })).status, 'active')
  const verified = await claviger.keys.verify({ key: created.secret, permissions: { all: ['rpc:read'] } })
  assert.deepEqual([verified.valid, verified.keyId], [true, created.keyId])
  const revoked = await claviger.keys.revoke({ keyId: created.keyId, reason: 'superseded' })
  assert.equal(revoked.status, 'revoked')
})

test('a refusal is a problem with a typed code, the fields at fault, and the request that the log knows', async () => {
  const { claviger } = provider
  const missing = await errorOf(claviger.keys.get({ keyId: 'key_0000000000000000' }))
  assert.ok(isProblemOf(missing, 'keys.get') && missing.code === 'keys/not-found' && missing.status === 404)
  assert.match(missing.requestId ?? '', /^req_/)
  const invalid = await errorOf(claviger.keys.create({ ...newKey(), name: '', ipRanges: ['1'] }))
  assert.ok(isProblemOf(invalid, 'keys.create') && invalid.code === 'http/invalid-input')
  assert.deepEqual(invalid.errors.map(({ pointer }) => pointer).sort(), ['/ipRanges/0', '/name'])
  const stale = await errorOf(claviger.keys.update({ keyId: (await provider.issue()).keyId, name: 'other' }, { ifMatch: 99 }))
  assert.ok(isProblemOf(stale, 'keys.update') && stale.code === 'http/precondition-failed')
})

test('a credential that is not valid, and one that may not, are told apart', async () => {
  const nobody = createClaviger({ url: provider.instance.url, credential: 'clv_live_nobody' })
  const unauthenticated = await errorOf(nobody.keys.list())
  assert.ok(isProblemOf(unauthenticated, 'keys.list') && unauthenticated.code === 'http/unauthenticated')
  const verifier = createClaviger({ url: provider.instance.url, credential: provider.verifier.secret })
  const forbidden = await errorOf(verifier.keys.list())
  assert.ok(isProblemOf(forbidden, 'keys.list') && forbidden.code === 'http/forbidden')
})

test('a list yields every item once, whatever the size of its pages', async () => {
  const { environmentId } = await provider.claviger.environments.create({ apiId: provider.apiId, kind: 'development' })
  const issued = new Set<string>()
  for (let count = 0; count < 7; count++) issued.add((await provider.issue({ environmentId })).keyId)
  for (const limit of [1, 3, 7, 200]) {
    const found: string[] = []
    for await (const { keyId } of provider.claviger.keys.listAll({ environmentId, limit })) found.push(keyId)
    assert.equal(found.length, 7)
    assert.deepEqual(new Set(found), issued)
  }
})

test('a write whose answer is lost on the way has its effect once, and the retry hears of it', async (context) => {
  const { keyId } = await provider.issue()
  const remote = await clientThrough(context, 'cut', 'pass')
  const infos: AnswerInfo[] = []
  const revoked = await remote.keys.revoke({ keyId, reason: 'key-compromise' }, { onAnswer: (info) => infos.push(info) })
  assert.equal(revoked.status, 'revoked')
  assert.equal(infos[0]?.replayed, true, 'the first request had its effect')
  assert.match(infos[0].auditEntryId ?? '', /^ent_/)
  assert.equal(await entriesAbout(keyId, 'key.revoked'), 1)
})

test('a creation whose answer is lost makes one key, and says that its secret is lost', async (context) => {
  const name = 'a key whose secret is lost'
  const remote = await clientThrough(context, 'cut', 'pass')
  const error = await errorOf(remote.keys.create({ ...newKey(), name }))
  assert.ok(error instanceof ClavigerSecretLost, error.message)
  const { items } = await provider.claviger.keys.list({ search: name })
  assert.deepEqual(items.map(({ keyId }) => keyId), [error.output['keyId']])
})

test('a write that never reaches the server has no effect, and one that the caller repeats under the same key has one', async (context) => {
  const { keyId } = await provider.issue()
  const remote = await clientThrough(context, 'refuse', 'refuse', 'refuse', 'pass')
  const error = await errorOf(remote.keys.disable({ keyId }, { idempotencyKey: 'disable-once' }))
  assert.ok(error instanceof ClavigerUnavailable && error.reason === 'connection')
  assert.equal((await provider.claviger.keys.get({ keyId })).status, 'active')
  for (let count = 0; count < 3; count++) await remote.keys.disable({ keyId }, { idempotencyKey: 'disable-once' })
  assert.equal(await entriesAbout(keyId, 'key.disabled'), 1)
  const mismatch = await errorOf(remote.keys.disable({ keyId: (await provider.issue()).keyId }, { idempotencyKey: 'disable-once' }))
  assert.ok(isProblemOf(mismatch, 'keys.disable') && mismatch.code === 'http/idempotency-mismatch')
})

test('a network that swallows everything ends in a timeout, and a call that is given up in its reason', async (context) => {
  const remote = await clientThrough(context, 'hang')
  const late = await errorOf(remote.keys.list({}, { timeoutMs: 100 }))
  assert.ok(late instanceof ClavigerUnavailable && late.reason === 'timeout')
  const controller = new AbortController()
  const given = errorOf(remote.keys.list({}, { signal: controller.signal }))
  controller.abort(new Error('enough'))
  assert.equal((await given).message, 'enough')
})

test('text and bytes come as they are: a checkpoint opens, a receipt verifies, a tile has its hashes', async () => {
  const { claviger, instance: { workspaceId } } = provider
  let entryId = ''
  await claviger.keys.revoke({ keyId: (await provider.issue()).keyId, reason: 'superseded' }, { onAnswer: (info) => (entryId = info.auditEntryId ?? '') })
  const receipt = await claviger.audit.getReceipt({ entryId })
  const vkeys = (await claviger.logs.getKeys({ workspaceId })).keys.map(({ verifierKey }) => verifierKey)
  assert.notEqual(verifyReceipt(receipt, { vkeys }), null)
  const note = openNote(await claviger.logs.getCheckpoint({ workspaceId }), vkeys)
  const checkpoint = parseCheckpoint(note?.body ?? '')
  assert.ok(checkpoint !== null && checkpoint.size > 0)
  const tile = await claviger.logs.getTile({ workspaceId, path: `0/000.p/${checkpoint.size}` })
  assert.ok(tile instanceof Uint8Array)
  assert.equal(tile.length, 32 * checkpoint.size)
})

test('no input of a method reaches another operation', async () => {
  const { keyId } = await provider.issue()
  for (const evil of ['..', '.', '', '../keys', `../keys/${keyId}`, `${keyId}/revoke`, `${keyId}?x=1`, `${keyId}#`]) {
    const error = await errorOf(provider.claviger.keys.get({ keyId: evil }))
    assert.ok(error instanceof TypeError || error instanceof ClavigerProblem, evil)
  }
  assert.equal((await provider.claviger.keys.get({ keyId })).status, 'active')
})

test('many calls at once are all answered', async () => {
  const keys = await Promise.all(Array.from({ length: 50 }, () => provider.issue()))
  assert.equal(new Set(keys.map(({ keyId }) => keyId)).size, 50)
  const verdicts = await Promise.all(keys.map(({ secret }) => provider.claviger.keys.verify({ key: secret })))
  assert.deepEqual(verdicts.map(({ keyId }) => keyId), keys.map(({ keyId }) => keyId))
})
