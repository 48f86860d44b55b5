/** Requests that were let in while their caller was somebody, and whose last byte comes when the caller is not any more. */
import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { after, before, test } from 'node:test'
import { call, startTestInstance, type TestInstance } from '../support/instance.ts'

let instance: TestInstance
let aheadMs = 0
before(async () => {
  instance = await startTestInstance({ wallMs: () => Date.now() + aheadMs })
})
after(() => instance.close())

interface Hired {
  readonly principalId: string
  readonly keyId: string
  readonly secret: string
}

async function owner(method: string, path: string, body?: unknown): Promise<Readonly<Record<string, unknown>>> {
  const answer = await call(instance, method, path, body)
  assert.ok(answer.status < 300, answer.text)
  return answer.json
}

let hired = 0
async function hireAdmin(terms: object = {}): Promise<Hired> {
  const { principalId } = await owner('POST', '/v1/principals', { name: `admin ${++hired}`, role: 'admin' })
  const { keyId, secret } = await owner('POST', `/v1/principals/${String(principalId)}/credentials`, { name: 'credential', ...terms })
  return { principalId: String(principalId), keyId: String(keyId), secret: String(secret) }
}

/** One byte short, once the server has let it in and asked for its body. */
async function park(secret: string, path: string, body: unknown): Promise<() => Promise<string>> {
  const payload = JSON.stringify(body)
  const request = httpRequest(new URL(path, instance.url), {
    method: 'POST', agent: false,
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json', 'content-length': payload.length, expect: '100-continue' },
  })
  const answered = new Promise<string>((resolve, reject) => {
    request.on('error', reject)
    request.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve(`${response.statusCode} ${String((JSON.parse(text) as { code?: string }).code ?? '')}`.trim()))
    })
  })
  await new Promise((resolve) => request.on('continue', resolve).flushHeaders())
  request.write(payload.slice(0, -1))
  return () => {
    request.end(payload.slice(-1))
    return answered
  }
}

/** What was done; uses are cut into entries whenever a second has passed. */
const entries = async (): Promise<unknown> => {
  const { items } = await owner('GET', '/v1/audit/entries?limit=200')
  return (items as readonly { readonly event: string }[]).filter(({ event }) => event !== 'uses.recorded')
}

/** How an admin's authority ends, or shrinks, and what its parked requests are then answered. */
const endings: readonly { readonly what: string; readonly answer: string; readonly end: (hired: Hired) => Promise<unknown> }[] = [
  { what: 'its credential is revoked', answer: '401 http/unauthenticated', end: ({ keyId }) => owner('POST', `/v1/keys/${keyId}/revoke`, { reason: 'key-compromise' }) },
  { what: 'its credential is disabled', answer: '401 http/unauthenticated', end: ({ keyId }) => owner('POST', `/v1/keys/${keyId}/disable`) },
  { what: 'it is revoked', answer: '401 http/unauthenticated', end: ({ principalId }) => owner('POST', `/v1/principals/${principalId}/revoke`) },
  { what: 'it is disabled', answer: '401 http/unauthenticated', end: ({ principalId }) => owner('POST', `/v1/principals/${principalId}/disable`) },
  { what: 'it is erased', answer: '401 http/unauthenticated', end: ({ principalId }) => owner('POST', `/v1/principals/${principalId}/erase`) },
  { what: 'its role is lowered', answer: '403 http/forbidden', end: ({ principalId }) => owner('PATCH', `/v1/principals/${principalId}`, { role: 'auditor' }) },
]

for (const { what, answer, end } of endings) {
  test(`a request whose last byte comes after the acknowledgement that ${what} does nothing`, async () => {
    const mallory = await hireAdmin()
    const { principalId } = await owner('POST', '/v1/principals', { name: `accomplice ${hired}`, role: 'admin' })
    const credential = await park(mallory.secret, `/v1/principals/${String(principalId)}/credentials`, { name: 'backdoor' })
    const principal = await park(mallory.secret, '/v1/principals', { name: 'backdoor', role: 'admin' })
    const verification = await park(mallory.secret, '/v1/keys/verify', { key: 'nonsense' })
    await end(mallory)
    const before = await entries()
    assert.deepEqual(await Promise.all([credential(), principal(), verification()]), [answer, answer, answer])
    assert.deepEqual(await entries(), before)
  })
}

test('a request whose last byte comes after the credential has expired does nothing', async () => {
  const mallory = await hireAdmin({ expiresAt: new Date(Date.now() + aheadMs + 3_600_000).toISOString() })
  const finish = await park(mallory.secret, '/v1/principals', { name: 'backdoor', role: 'admin' })
  aheadMs += 3_600_000
  assert.equal(await finish(), '401 http/unauthenticated')
})

test('a request whose last byte comes after its workspace was revoked does nothing', async () => {
  const tenant = await owner('POST', '/v1/workspaces', { name: 'Tenant', ownerName: 'Its owner' })
  const finish = await park(String(tenant['secret']), '/v1/principals', { name: 'backdoor', role: 'admin' })
  await owner('POST', `/v1/workspaces/${String(tenant['workspaceId'])}/revoke`, { reason: 'unspecified' })
  const before = await entries()
  assert.equal(await finish(), '401 http/unauthenticated')
  assert.deepEqual(await entries(), before)
})

test('a request that took its time, and nothing happened to its caller, is done', async () => {
  const admin = await hireAdmin()
  const finish = await park(admin.secret, '/v1/principals', { name: 'in good time', role: 'auditor' })
  await hireAdmin()
  assert.equal(await finish(), '201')
})

test('whoever ends or narrows their own authority is answered, and it is so', async () => {
  for (const [method, act, body] of [['PATCH', '', { role: 'auditor' }], ['POST', '/disable', undefined], ['POST', '/revoke', undefined], ['POST', '/erase', undefined]] as const) {
    const { principalId, secret } = await hireAdmin()
    const answer = await call(instance, method, `/v1/principals/${principalId}${act}`, body, { credential: secret })
    assert.equal(answer.status, 200, answer.text)
    const again = await call(instance, 'POST', '/v1/principals', { name: `after ${act}`, role: 'auditor' }, { credential: secret })
    assert.equal(again.status, act === '' ? 403 : 401)
  }
})
