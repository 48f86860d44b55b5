import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { refusedAnswer, sendJson, startStandIn, validAnswer } from '../../sdk/typescript/src/fixtures.ts'
import { startCuttingProxy } from './support/cutting-proxy.ts'
import { exchange, get, type RawAnswer } from './support/exchange.ts'
import { startTestProvider, type TestProvider } from './support/provider.ts'
import { frameworks, type ProtectedServer, type ServiceOptions, type StartServer } from './support/servers.ts'

let provider: TestProvider
before(async () => {
  provider = await startTestProvider()
})
after(() => provider.close())

const silent = { onFailure: () => {} }
const realOptions = (): ServiceOptions => ({ ...silent, url: provider.instance.url, credential: provider.verifier.secret, environmentId: provider.productionId })

async function withService(start: StartServer, options: ServiceOptions, use: (service: ProtectedServer) => Promise<void>): Promise<void> {
  const service = await start(options)
  try {
    await use(service)
  } finally {
    await service.close()
  }
}

function assertRefused(answer: RawAnswer, status: number, code: string, challenge: string | undefined): void {
  assert.equal(answer.status, status, answer.body)
  assert.equal(answer.json['code'], code)
  assert.equal(answer.json['status'], status)
  assert.equal(answer.json['type'], `urn:claviger:refusal:${code}`)
  assert.equal(answer.headers['content-type'], 'application/problem+json')
  assert.equal(answer.headers['cache-control'], 'no-store')
  assert.equal(answer.headers['www-authenticate'], challenge)
  assert.equal(answer.headers['retry-after'] === undefined, status < 429)
}

const realm = 'Bearer realm="api"'
const invalid = `${realm}, error="invalid_token"`
const madeUp = 'rpc_live_0123456789abcdef0123456789abcdefghijklmnopqrstuvwxyzABCDEFG000000'

for (const [framework, start] of Object.entries(frameworks)) {
  describe(framework, () => {
    let service: ProtectedServer
    before(async () => {
      service = await start(realOptions())
    })
    after(() => service.close())

    test('a valid key with the permission is let through, and the service is told whose it is', async () => {
      const key = await provider.issue({ permissions: ['rpc:read', 'rpc:write'] })
      for (const path of ['/any', '/read', '/write', '/either']) {
        const { status, json } = await get(service.port, path, key.secret)
        assert.equal(status, 200)
        assert.deepEqual(json, { keyId: key.keyId, environmentId: provider.productionId, consumerId: null, permissions: ['rpc:read', 'rpc:write'] })
      }
    })

    test('no key, and a key of another scheme, is 401 with a challenge that names no error', async () => {
      assertRefused(await get(service.port, '/read'), 401, 'missing-key', realm)
      assertRefused(await get(service.port, '/read', undefined, ['Authorization: Basic dXNlcjpwYXNz']), 401, 'missing-key', realm)
      assertRefused(await get(service.port, `/read?key=${madeUp}&access_token=${madeUp}`), 401, 'missing-key', realm)
    })

    test('what is no key, a made-up one, and a truncated or altered real one is 401 invalid_token', async () => {
      const { secret } = await provider.issue()
      for (const key of ['x', madeUp, secret.slice(0, -1), `${secret}0`, secret.replace('rpc_live', 'rpc_test'), `${secret.slice(0, 30)}${secret.slice(31)}x`, secret.toUpperCase()]) {
        const answer = await get(service.port, '/read', key)
        assert.ok(['malformed', 'not-found'].includes(String(answer.json['code'])), answer.body)
        assertRefused(answer, 401, String(answer.json['code']), invalid)
      }
    })

    test('a credential of the control plane is no key of the service', async () => {
      assertRefused(await get(service.port, '/read', provider.instance.ownerSecret), 401, 'not-found', invalid)
    })

    test('a missing permission is 403 with the scope that would do', async () => {
      const { secret } = await provider.issue()
      assertRefused(await get(service.port, '/write', secret), 403, 'permission-denied', `${realm}, error="insufficient_scope", scope="rpc:read rpc:write"`)
      assert.equal((await get(service.port, '/either', secret)).status, 200)
    })

    test('what the permission function does not know is refused to every key', async () => {
      const { secret } = await provider.issue({ permissions: ['rpc:read', 'rpc:write'] })
      assertRefused(await get(service.port, '/unknown', secret), 403, 'permission-denied', `${realm}, error="insufficient_scope"`)
    })

    test('a mistake in the permission function lets nobody through', async () => {
      const { secret } = await provider.issue()
      const { status, body } = await get(service.port, '/fail', secret)
      assert.equal(status, 500)
      assert.doesNotMatch(body, /keyId/)
    })

    test('a revoked key is refused by the next request, and a disabled one until it is enabled', async () => {
      const { keyId, secret } = await provider.issue()
      assert.equal((await get(service.port, '/read', secret)).status, 200)
      await provider.claviger.keys.disable({ keyId })
      assertRefused(await get(service.port, '/read', secret), 401, 'disabled', invalid)
      await provider.claviger.keys.enable({ keyId })
      assert.equal((await get(service.port, '/read', secret)).status, 200)
      await provider.claviger.keys.revoke({ keyId, reason: 'key-compromise' })
      assertRefused(await get(service.port, '/read', secret), 401, 'revoked', invalid)
    })

    test('a key of another environment is refused', async () => {
      const { secret } = await provider.issue({ environmentId: provider.testId })
      assertRefused(await get(service.port, '/read', secret), 401, 'wrong-environment', invalid)
    })

    test('a key that is bound to addresses counts from there, whatever forwarded headers say', async () => {
      const here = await provider.issue({ ipRanges: ['127.0.0.1'] })
      const elsewhere = await provider.issue({ ipRanges: ['203.0.113.0/24'] })
      const spoofed = ['X-Forwarded-For: 203.0.113.7', 'X-Real-IP: 203.0.113.7', 'Forwarded: for=203.0.113.7', 'True-Client-IP: 203.0.113.7', 'CF-Connecting-IP: 203.0.113.7']
      assert.equal((await get(service.port, '/read', here.secret, spoofed)).status, 200)
      assertRefused(await get(service.port, '/read', elsewhere.secret, spoofed), 403, 'ip-not-allowed', undefined)
    })

    test('behind a proxy, the function that is given says which address counts, and nonsense counts as none', async () => {
      const { secret } = await provider.issue({ ipRanges: ['203.0.113.0/24'] })
      await withService(start, { ...realOptions(), forwardedHeader: 'x-real-ip' }, async ({ port }) => {
        assert.equal((await get(port, '/read', secret, ['X-Real-IP: 203.0.113.7'])).status, 200)
        assertRefused(await get(port, '/read', secret, ['X-Real-IP: 198.51.100.1']), 403, 'ip-not-allowed', undefined)
        for (const header of [[], ['X-Real-IP: unknown'], ['X-Real-IP: 203.0.113.7, 203.0.113.8'], ['X-Real-IP: 203.0.113.7', 'X-Real-IP: 198.51.100.1'], ['X-Real-IP: 203.0.113.07']]) {
          assertRefused(await get(port, '/read', secret, header), 403, 'ip-required', undefined)
        }
        const unbound = await provider.issue()
        assert.equal((await get(port, '/read', unbound.secret, ['X-Real-IP: unknown'])).status, 200)
      })
    })

    test('a key that is bound to origins counts from there', async () => {
      const { secret } = await provider.issue({ origins: ['https://app.example.com'] })
      assert.equal((await get(service.port, '/read', secret, ['Origin: https://app.example.com'])).status, 200)
      assertRefused(await get(service.port, '/read', secret, ['Origin: https://evil.example']), 403, 'origin-not-allowed', undefined)
      for (const header of [[], ['Origin: null'], ['Origin: https://app.example.com', 'Origin: https://evil.example'], ['Origin: https://evil.example', 'Origin: https://app.example.com']]) {
        assertRefused(await get(service.port, '/read', secret, header), 403, 'origin-required', undefined)
      }
      const unbound = await provider.issue()
      assert.equal((await get(service.port, '/read', unbound.secret, ['Origin: null'])).status, 200)
    })

    test('two Authorization headers are refused, whichever of them is good', async () => {
      const { secret } = await provider.issue()
      for (const others of [[`Authorization: Bearer ${madeUp}`], [`authorization: Bearer ${secret}`], ['AUTHORIZATION: Basic dXNlcjpwYXNz']]) {
        assert.equal((await get(service.port, '/read', secret, others)).status, 401)
        assert.equal((await exchange(service.port, ['GET /read HTTP/1.1', ...others, `Authorization: Bearer ${secret}`])).status, 401)
      }
    })

    test('nothing that is sent comes back in a header, and no header can be added', async () => {
      const { secret } = await provider.issue()
      const injections = ['a\r\nx-injected: 1', '"', 'a b', 'a", scope="admin', 'ä', '%0d%0a', '\\']
      for (const text of injections) {
        const answer = await get(service.port, `/named/${encodeURIComponent(text)}`, secret)
        assertRefused(answer, 403, 'permission-denied', `${realm}, error="insufficient_scope"`)
        assert.equal(answer.headers['x-injected'], undefined)
      }
      const folded = await exchange(service.port, ['GET /read HTTP/1.1', 'Authorization: Bearer', ` ${secret}`])
      assert.ok(folded.status === 400 || folded.status === 401, String(folded.status))
      const withTab = await get(service.port, '/read', `${secret}\tx`)
      assertRefused(withTab, 401, 'malformed', invalid)
    })

    test('a huge key is refused without asking anybody, and huge headers do not stop the service', async () => {
      assertRefused(await get(service.port, '/read', 'a'.repeat(8_000)), 401, 'malformed', invalid)
      assert.equal((await get(service.port, '/read', 'a'.repeat(40_000))).status, 431)
      const { secret } = await provider.issue()
      assert.equal((await get(service.port, '/read', secret)).status, 200)
    })

    test('a limit that is used up is 429, and a time to wait', async (context) => {
      const standIn = await startStandIn((response) => sendJson(response, 200, refusedAnswer('rate-limited')))
      context.after(() => standIn.close())
      await withService(start, { ...realOptions(), url: standIn.url }, async ({ port }) => {
        assertRefused(await get(port, '/read', madeUp), 429, 'rate-limited', undefined)
      })
    })

    test('a Claviger that is away, hung, cut off in its answer, or refuses our credential, is 503, and afterwards all is well', async (context) => {
      const { secret } = await provider.issue()
      const proxy = await startCuttingProxy(provider.instance.port)
      context.after(() => proxy.close())
      await withService(start, { ...realOptions(), url: proxy.url, timeoutMs: 300 }, async ({ port }) => {
        for (const cut of ['refuse', 'cut', 'hang'] as const) {
          proxy.plan = [cut]
          assertRefused(await get(port, '/read', secret), 503, 'unavailable', undefined)
        }
        proxy.plan = ['refuse', 'pass']
        assert.equal((await get(port, '/read', secret)).status, 200, 'one broken connection is got over')
      })
      await withService(start, { ...realOptions(), credential: madeUp }, async ({ port }) => {
        assertRefused(await get(port, '/read', secret), 503, 'unavailable', undefined)
      })
      const gone = await startStandIn()
      await gone.close()
      await withService(start, { ...realOptions(), url: gone.url }, async ({ port }) => {
        assertRefused(await get(port, '/read', secret), 503, 'unavailable', undefined)
      })
    })

    test('a client that leaves while its key is verified is not answered, and the next one is', async (context) => {
      let release = (): void => {}
      const asked = Promise.withResolvers<void>()
      const standIn = await startStandIn((response) => {
        release = () => sendJson(response, 200, validAnswer)
        asked.resolve()
      })
      context.after(() => standIn.close())
      await withService(start, { ...realOptions(), url: standIn.url, environmentId: validAnswer.environmentId, concurrencyMax: 1, timeoutMs: 5_000 }, async ({ port }) => {
        const socket = connect(port, '127.0.0.1')
        socket.write(`GET /read HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${madeUp}\r\n\r\n`)
        await asked.promise
        socket.destroy()
        release()
        standIn.answer = (response) => sendJson(response, 200, validAnswer)
        assert.equal((await get(port, '/read', madeUp)).status, 200)
      })
    })
  })
}

test('a protector that several routes share verifies each for what it needs', async () => {
  const { secret } = await provider.issue()
  const { createProtector } = await import('@claviger/sdk')
  const protector = createProtector(realOptions())
  const [read, write] = await Promise.all([protector.verify(secret, { permissions: 'rpc:read' }), protector.verify(secret, { permissions: 'rpc:write' })])
  assert.deepEqual([read.valid, write.valid], [true, false])
})

test('the credential of a protected service that was revoked makes it answer 503, never let through', async () => {
  const { secret } = await provider.issue()
  const { principalId } = await provider.claviger.principals.create({ kind: 'service-account', name: 'leaver', role: 'operator' })
  const credential = await provider.claviger.principals.createCredential({ principalId, name: 'verify', permissions: ['keys:verify'] })
  const failures: unknown[] = []
  await withService(frameworks['node:http']!, { ...realOptions(), credential: credential.secret, onFailure: (error) => failures.push(error) }, async ({ port }) => {
    assert.equal((await get(port, '/read', secret)).status, 200)
    await provider.claviger.principals.revoke({ principalId })
    assertRefused(await get(port, '/read', secret), 503, 'unavailable', undefined)
    assert.equal((failures[0] as { code?: string }).code, 'http/unauthenticated')
  })
})
