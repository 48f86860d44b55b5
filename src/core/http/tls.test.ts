import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect, type ConnectionOptions } from 'node:tls'
import type { Limits } from './limits.ts'
import { sendRaw, startServer, until, type TestServer } from './fixtures.ts'

const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'the openssl command is not there to make certificates with'

let directory = ''
const file = (name: string): string => join(directory, name)
const read = (name: string): Buffer => readFileSync(file(name))

function certificate(name: string, subject: string, signer?: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file(`${name}.key`)]
  const signing = signer === undefined ? [] : ['-CA', file(`${signer}.crt`), '-CAkey', file(`${signer}.key`)]
  const names = ['-subj', `/CN=${subject}`, '-addext', `subjectAltName=DNS:${subject}`]
  execFileSync('openssl', ['req', '-x509', ...key, ...names, '-days', '2', ...signing, '-out', file(`${name}.crt`)], { stdio: 'ignore' })
}

before(() => {
  if (skip !== false) return
  directory = mkdtempSync(join(tmpdir(), 'claviger-tls-'))
  certificate('server', 'localhost')
  certificate('renewed', 'localhost')
  certificate('authority', 'authority.test')
  certificate('client', 'client.test', 'authority')
  certificate('stranger', 'stranger.test')
})
after(() => rmSync(directory, { recursive: true, force: true }))

const install = (name: string): void => {
  for (const kind of ['crt', 'key']) {
    writeFileSync(file('next'), read(`${name}.${kind}`))
    renameSync(file('next'), file(`live.${kind}`))
  }
}

async function withTls(more: { readonly clientCaFile?: string }, run: (things: TestServer) => Promise<void>, limits: Partial<Limits> = {}): Promise<void> {
  install('server')
  const things = await startServer({ tls: { certFile: file('live.crt'), keyFile: file('live.key'), ...more }, limits })
  try {
    await run(things)
  } finally {
    await things.close()
  }
}

const trusting = (name: string): ConnectionOptions => ({ ca: read(`${name}.crt`), servername: 'localhost' })
const asClient = (name: string): ConnectionOptions => ({ ...trusting('server'), cert: read(`${name}.crt`), key: read(`${name}.key`) })

function fetched({ port }: TestServer, options: ConnectionOptions): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; protocol: string | null }> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path: '/v1/things', headers: { authorization: 'Bearer owner' }, agent: false, ...options }, (response) => {
      const protocol = 'getProtocol' in response.socket ? (response.socket as unknown as { getProtocol(): string | null }).getProtocol() : null
      response.resume().on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, protocol }))
    })
    request.on('error', reject)
  })
}

test('TLS 1.3 is spoken, nothing older is, and browsers are told to come by TLS only', { skip }, async () => {
  await withTls({}, async (things) => {
    const { status, headers, protocol } = await fetched(things, trusting('server'))
    assert.deepEqual([status, protocol, headers['strict-transport-security']], [200, 'TLSv1.3', 'max-age=31536000'])
    await assert.rejects(fetched(things, { ...trusting('server'), maxVersion: 'TLSv1.2' }), /protocol version|EPROTO/i)
  })
})

test('a renewed certificate is taken without a restart, and connections that are open stay', { skip }, async () => {
  await withTls({}, async (things) => {
    const open = connect({ host: '127.0.0.1', port: things.port, ...trusting('server') })
    await new Promise((resolve) => open.once('secureConnect', resolve))
    install('renewed')
    things.server.reloadTls()
    await assert.rejects(fetched(things, trusting('server')), /self-signed certificate/)
    assert.equal((await fetched(things, trusting('renewed'))).status, 200)
    open.write('GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    const [answer] = await Promise.all([new Promise<string>((resolve) => open.once('data', (chunk) => resolve(chunk.toString('latin1')))), new Promise((resolve) => open.once('close', resolve))])
    assert.match(answer, /^HTTP\/1\.1 200 OK/)
  })
})

test('the files are watched: a renewed certificate is found by itself', { skip }, async () => {
  await withTls({}, async (things) => {
    install('renewed')
    await until(() => fetched(things, trusting('renewed')).then(() => true, () => false))
  })
})

test('a certificate that cannot be used is reported, and the one before stays', { skip }, async () => {
  await withTls({}, async (things) => {
    for (const break_ of [() => writeFileSync(file('live.crt'), 'no PEM'), () => writeFileSync(file('live.crt'), read('renewed.crt')), () => rmSync(file('live.key'))]) {
      break_()
      things.logLines.length = 0
      things.server.reloadTls()
      assert.match(things.logLines.join(''), /TLS certificate cannot be used; the one before stays/)
      assert.doesNotMatch(things.logLines.join(''), /PRIVATE KEY/)
      assert.equal((await fetched(things, trusting('server'))).status, 200)
    }
  })
})

test('whoever connects and never shakes hands is counted with their address all the same', { skip }, async () => {
  await withTls({}, async (things) => {
    const silent = await Promise.all(Array.from({ length: 2 }, async () => {
      const socket = connectPlain({ port: things.port, host: '127.0.0.1', localAddress: '127.0.0.2' }).on('error', () => {})
      await new Promise((resolve) => socket.once('connect', resolve))
      return socket
    }))
    await assert.rejects(fetched(things, { ...trusting('server'), localAddress: '127.0.0.2' } as ConnectionOptions), /ECONNRESET|EPIPE|socket hang up|disconnected/)
    assert.equal((await fetched(things, trusting('server'))).status, 200)
    for (const socket of silent) socket.destroy()
    await until(() => fetched(things, { ...trusting('server'), localAddress: '127.0.0.2' } as ConnectionOptions).then(() => true, () => false))
  }, { connectionsPerAddressMax: 2 })
})

test('with mutual TLS only clients of the named authority get in', { skip }, async () => {
  await withTls({ clientCaFile: file('authority.crt') }, async (things) => {
    assert.equal((await fetched(things, asClient('client'))).status, 200)
    for (const options of [trusting('server'), asClient('stranger')]) await assert.rejects(fetched(things, options))
    assert.deepEqual(things.logLines.filter((line) => line.includes('things.list')).length, 1)
  })
})

test('plain HTTP to a TLS port is not answered, and a handshake that does not end does not hold up a stop', { skip }, async () => {
  await withTls({}, async (things) => {
    assert.equal(await sendRaw(things.port, 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n'), '')
    const silent = connectPlain(things.port, '127.0.0.1')
    silent.on('error', () => {})
    await new Promise((resolve) => silent.once('connect', resolve))
    assert.equal((await fetched(things, trusting('server'))).status, 200)
  })
})

test('H9: plain HTTP beyond loopback is refused, unless it is spelled out; with TLS it is not', { skip }, async () => {
  const plain = await startServer()
  await assert.rejects(plain.server.listen({ host: '0.0.0.0', port: 0 }), /H9/)
  await plain.close()
  const unsafe = await startServer({ unsafePlainHttp: true })
  await assert.rejects(unsafe.server.listen({ host: '0.0.0.0', port: 0 }), { code: 'FST_ERR_REOPENED_SERVER' }, 'past H9, where it listens already')
  await unsafe.close()
  await assert.rejects(startServer({ tls: { certFile: file('server.crt'), keyFile: file('renewed.key') } }), /key values mismatch/)
})
