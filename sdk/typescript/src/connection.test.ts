import assert from 'node:assert/strict'
import { test } from 'node:test'
import { baseAddressOf, credentialOf } from './connection.ts'

const baseOf = (url: string, unsafePlainHttp = false) => baseAddressOf({ url, credential: 'x', unsafePlainHttp })

test('the credential goes over https, or over plain http to this very machine, and nowhere else unless that is spelled out', () => {
  assert.equal(baseOf('https://claviger.example'), 'https://claviger.example')
  for (const host of ['localhost', 'claviger.localhost', '127.0.0.1', '127.8.9.10', '2130706433', '0x7f.1', '[::1]', '[0:0::1]']) {
    assert.match(baseOf(`http://${host}:7420`), /^http:/, host)
  }
  for (const host of ['claviger.example', '10.0.0.1', '0.0.0.0', '[::]', '[::2]', 'localhost.example', '127.0.0.1.example', '128.0.0.1', 'xlocalhost']) {
    assert.throws(() => baseOf(`http://${host}`), TypeError, host)
    assert.match(baseOf(`http://${host}`, true), /^http:/)
  }
})

test('an address that says more than where is refused, and one that is none', () => {
  for (const url of ['https://user@claviger.example', 'https://:pass@claviger.example', 'https://claviger.example?a=1', 'https://claviger.example#a', 'ftp://claviger.example', 'file:///etc/passwd', 'claviger.example', '']) {
    assert.throws(() => baseOf(url), TypeError, url)
  }
})

test('a path before /v1 is kept, whatever slashes end it', () => {
  assert.equal(baseOf('https://example.com/claviger'), 'https://example.com/claviger')
  assert.equal(baseOf('https://example.com/claviger//'), 'https://example.com/claviger')
  assert.equal(baseOf('https://example.com:8443/'), 'https://example.com:8443')
})

test('a credential that could break out of its header is refused, and the error does not tell it', async () => {
  const secret = 'clv_live_secretsecret'
  for (const text of [`${secret}\n`, `${secret}\r\nx-admin: 1`, ` ${secret}`, `${secret} ${secret}`, `${secret}é`, '', 'x'.repeat(515), undefined, 42]) {
    await assert.rejects(
      () => credentialOf({ url: 'https://claviger.example', credential: () => text as string }),
      (error) => error instanceof TypeError && !error.message.includes('secret'),
    )
  }
})

test('a credential function is asked each time', async () => {
  let asked = 0
  const options = { url: 'https://claviger.example', credential: async () => `credential${++asked}` }
  assert.equal(await credentialOf(options), 'credential1')
  assert.equal(await credentialOf(options), 'credential2')
})
