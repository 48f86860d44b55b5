import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { proveServer } from './cli/prove-server.ts'
import { challenge, createServerProof, pidFileOf, proofPath, readOwnServer, serverFileOf, type OwnServer } from './own-server.ts'

type Answering = (nonce: string, response: ServerResponse, request: IncomingMessage) => void

function dataDirectory(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'claviger-own-server-'))
  context.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Somebody who listens, and answers as told. */
async function listening(context: TestContext, answer: Answering) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const nonce = request.url?.slice(proofPath('').length) ?? ''
    asked.push(nonce)
    answer(nonce, response, request)
  })
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle))
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { asked, at: { url: `http://localhost:${port}`, addresses: [{ address: '127.0.0.1', port }] } }
}

function told(directory: string): OwnServer {
  const own = readOwnServer(directory)
  assert.ok(own !== null)
  return own
}

const proved = (own: OwnServer) => proveServer(own, new AbortController().signal)

test('the server that wrote the file is proved, at the address that it wrote, with a new question each time', async (context) => {
  const directory = dataDirectory(context)
  const proof = createServerProof(directory)
  const { at, asked } = await listening(context, (nonce, response) => response.end(proof.prove(nonce)))
  proof.announce(at)
  assert.deepEqual([await proved(told(directory)), await proved(told(directory))], [at.addresses[0], at.addresses[0]])
  assert.equal(new Set(asked).size, 2)
})

test('a server that listens on every address of the machine is asked on loopback', async (context) => {
  const directory = dataDirectory(context)
  const proof = createServerProof(directory)
  const { at } = await listening(context, (nonce, response) => response.end(proof.prove(nonce)))
  const port = at.addresses[0]?.port ?? 0
  proof.announce({ url: at.url, addresses: [{ address: '0.0.0.0', port }] })
  assert.deepEqual(await proved(told(directory)), { address: '127.0.0.1', port })
})

const another = createServerProof(tmpdir())
let before = ''
const impostors: readonly (readonly [what: string, answer: (own: ReturnType<typeof createServerProof>) => Answering])[] = [
  ['who knows nothing', () => (_nonce, response) => response.writeHead(404).end()],
  ['who sends the question back', () => (nonce, response) => response.end(nonce)],
  ['who says nothing', () => (_nonce, response) => response.end()],
  ['who has another key', () => (nonce, response) => response.end(another.prove(nonce))],
  ['who has an answer to an earlier question', (own) => (nonce, response) => {
    response.end(before === '' ? 'not yet' : before)
    before = own.prove(nonce) ?? ''
  }],
  ['who has half of the answer', (own) => (nonce, response) => response.end(own.prove(nonce)?.slice(0, 22))],
  ['who sends it as a failure', (own) => (nonce, response) => response.writeHead(500).end(own.prove(nonce))],
  ['who never ends', () => (_nonce, response) => void response.write('a'.repeat(100_000))],
  ['who hangs up', () => (_nonce, _response, request) => void request.socket.destroy()],
  ['who sends the caller elsewhere', () => (nonce, response) => response.writeHead(307, { location: `http://127.0.0.1:1${proofPath(nonce)}` }).end()],
]

for (const [what, answer] of impostors) {
  test(`nobody is taken for the server ${what}`, async (context) => {
    const directory = dataDirectory(context)
    const proof = createServerProof(directory)
    const { at, asked } = await listening(context, answer(proof))
    proof.announce(at)
    assert.deepEqual([await proved(told(directory)), await proved(told(directory))], [null, null])
    assert.equal(asked.length, 2, 'it was asked')
  })
}

test('where nobody listens any more nobody is proved', async (context) => {
  const directory = dataDirectory(context)
  const proof = createServerProof(directory)
  const gone = createServer()
  await new Promise<void>((settle) => gone.listen(0, '127.0.0.1', settle))
  const { port } = gone.address() as AddressInfo
  await new Promise((settle) => gone.close(settle))
  proof.announce({ url: `http://localhost:${port}`, addresses: [{ address: '127.0.0.1', port }] })
  assert.equal(await proved(told(directory)), null)
})

test('only a nonce is answered, and with what is of no use anywhere else', (context) => {
  const directory = dataDirectory(context)
  const proof = createServerProof(directory)
  for (const text of ['', 'a', 'a'.repeat(42), 'a'.repeat(44), `${'a'.repeat(42)}=`, `${'a'.repeat(42)}/`, `${'a'.repeat(43)}\n`]) assert.equal(proof.prove(text), null, JSON.stringify(text))
  assert.match(proof.prove('a'.repeat(43)) ?? '', /^[A-Za-z0-9_-]{43}$/)
  assert.notEqual(proof.prove('a'.repeat(43)), createServerProof(directory).prove('a'.repeat(43)), 'each start has a key of its own')
})

const at = { url: 'http://localhost:7420', addresses: [{ address: '127.0.0.1', port: 7420 }] }

test('what a server leaves is for its user alone, and gone when it stops; another server\'s stays', (context) => {
  const directory = dataDirectory(context)
  const [first, second] = [createServerProof(directory), createServerProof(directory)]
  first.announce(at)
  for (const file of [serverFileOf(directory), pidFileOf(directory)]) assert.equal(statSync(file).mode & 0o777, 0o600)
  second.announce(at)
  first.withdraw()
  const question = challenge(told(directory))
  const nonce = question.path.slice(proofPath('').length)
  assert.ok(question.isAnsweredBy(second.prove(nonce) ?? '') && !question.isAnsweredBy(first.prove(nonce) ?? ''))
  assert.equal(readFileSync(pidFileOf(directory), 'utf8'), `${process.pid}\n`)
  second.withdraw()
  assert.deepEqual(readdirSync(directory), [])
})

test('where the disk takes nothing it says so, and leaves nothing that a killed server wrote; taking back never fails', (context) => {
  const directory = dataDirectory(context)
  createServerProof(directory).announce(at)
  const proof = createServerProof(directory)
  mkdirSync(`${pidFileOf(directory)}.new`)
  assert.throws(() => proof.announce(at), { code: 'ERR_FS_EISDIR' })
  assert.deepEqual([existsSync(serverFileOf(directory)), existsSync(pidFileOf(directory))], [false, false])
  rmSync(`${pidFileOf(directory)}.new`, { recursive: true })
  proof.announce(at)
  rmSync(pidFileOf(directory))
  mkdirSync(pidFileOf(directory))
  proof.withdraw()
  assert.equal(existsSync(serverFileOf(directory)), false)
})

test('a file that is not what a server writes is nothing to go by', (context) => {
  const directory = dataDirectory(context)
  assert.equal(readOwnServer(directory), null, 'there is none')
  createServerProof(directory).announce(at)
  const whole = JSON.parse(readFileSync(serverFileOf(directory), 'utf8')) as Record<string, unknown>
  const spoiled: readonly unknown[] = [
    null, 7, 'text', [], {},
    ...Object.keys(whole).map((name) => ({ ...whole, [name]: undefined })),
    { ...whole, pid: '7' }, { ...whole, url: 'nowhere' }, { ...whole, addresses: [] }, { ...whole, addresses: [null] },
    { ...whole, addresses: [{ address: 'example.com', port: 7420 }] }, { ...whole, addresses: [{ address: '127.0.0.1', port: '7420' }] },
    { ...whole, proofKey: '' }, { ...whole, proofKey: String(whole['proofKey']).slice(1) },
  ]
  for (const each of spoiled) {
    writeFileSync(serverFileOf(directory), JSON.stringify(each))
    assert.equal(readOwnServer(directory), null, JSON.stringify(each))
  }
  writeFileSync(serverFileOf(directory), JSON.stringify(whole).slice(0, -1))
  assert.equal(readOwnServer(directory), null, 'half of it')
  writeFileSync(serverFileOf(directory), JSON.stringify(whole))
  assert.notEqual(readOwnServer(directory), null)
})
