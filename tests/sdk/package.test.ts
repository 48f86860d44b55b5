import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { buildSdk } from '../../scripts/build-sdk.ts'
import { credential, sendJson, startStandIn, validAnswer } from '../../sdk/typescript/src/fixtures.ts'

const root = resolve(import.meta.dirname, '../..')
const source = join(root, 'sdk/typescript/src')
/** A project of somebody else's, with the SDK installed and nothing of ours around it. */
let project = ''

before(() => {
  project = mkdtempSync(join(tmpdir(), 'claviger-sdk-'))
  mkdirSync(join(project, 'node_modules/@claviger'), { recursive: true })
  buildSdk(join(project, 'node_modules/@claviger/sdk'))
})
after(() => rmSync(project, { recursive: true, force: true }))

/** What runs outside the tests of a module: everything that is published. */
const published = globSync('*.ts', { cwd: source }).filter((file) => !file.endsWith('.test.ts') && file !== 'fixtures.ts')

test('the SDK imports nothing but itself at run time, so it can be installed alone and runs where Node is not', () => {
  assert.ok(published.length > 15)
  for (const file of published) {
    const text = readFileSync(join(source, file), 'utf8')
    for (const [, kind, specifier = ''] of text.matchAll(/^(import|export)\b[^'\n]*from '([^']+)'/gm)) {
      const line = text.split('\n').find((candidate) => candidate.includes(`'${specifier}'`)) ?? ''
      assert.ok(specifier.startsWith('./') || line.startsWith(`${kind} type`), `${file} imports ${specifier}`)
    }
    assert.doesNotMatch(text, /\b(Buffer|process|require)[.(]|\b(setImmediate|__dirname)\b/, `${file} uses what only Node has`)
  }
})

const nodes = [...new Set([process.execPath, '/usr/bin/node', '/usr/local/bin/node'])].flatMap((path) => {
  const { stdout, status } = spawnSync(path, ['--version'], { encoding: 'utf8' })
  const major = Number(/^v(\d+)/.exec(stdout ?? '')?.[1])
  return status === 0 && major >= 20 ? [{ path, major }] : []
})

const program = `
import { createClaviger, ClavigerProblem, version } from '@claviger/sdk'
import { createServer } from 'node:http'
const claviger = createClaviger({ url: process.argv[2], credential: process.argv[3] })
const verified = await claviger.keys.verify({ key: 'x' })
const { protect } = await import('@claviger/sdk/node')
const guard = protect({ url: process.argv[2], credential: process.argv[3], environmentId: verified.environmentId, permissions: [] })
const server = createServer((request, response) => void guard(request, response).then((key) => { if (key !== null) response.end(key.keyId) })).listen(0, '127.0.0.1')
await new Promise((resolve) => server.on('listening', resolve))
const url = 'http://127.0.0.1:' + server.address().port
const answers = [await fetch(url), await fetch(url, { headers: { authorization: 'Bearer x' } })]
for (const entry of ['express', 'fastify', 'fetch', 'hono']) if (typeof (await import('@claviger/sdk/' + entry)).protect !== 'function') throw new Error(entry)
console.log(JSON.stringify([verified.keyId, version, ...answers.map(({ status }) => status)]))
server.close()
server.closeAllConnections()
`

const lts = 20
for (const major of [lts, 24]) {
  const node = nodes.find((candidate) => candidate.major === major)
  test(`what is published works as it is on Node ${major}`, { skip: node === undefined ? `there is no Node ${major} here` : false }, async (context) => {
    const standIn = await startStandIn((response) => sendJson(response, 200, validAnswer))
    context.after(() => standIn.close())
    writeFileSync(join(project, 'program.mjs'), program)
    const { stdout } = await promisify(execFile)(node?.path ?? '', ['program.mjs', standIn.url, credential], { cwd: project })
    const manifest = JSON.parse(readFileSync(join(root, 'sdk/typescript/package.json'), 'utf8')) as { version: string }
    assert.deepEqual(JSON.parse(stdout), [validAnswer.keyId, manifest.version, 401, 200])
  })
}

const consumer = `
import fastify from 'fastify'
import { Hono } from 'hono'
import { ClavigerProblem, createClaviger, isProblemOf, type Key } from '@claviger/sdk'
import { protect as protectFastify } from '@claviger/sdk/fastify'
import { protect as protectHono } from '@claviger/sdk/hono'

const options = { url: 'https://claviger.example', credential: 'x', environmentId: 'env_1' }
const claviger = createClaviger(options)
export async function first(): Promise<Key | undefined> {
  try {
    for await (const key of claviger.keys.listAll({ status: 'active' })) return key
    await claviger.keys.update({ keyId: 'key_1', name: 'x' }, { ifMatch: 3 })
    await claviger.keys.get({ id: 'key_1' }) // refused: there is no such field
    await claviger.keys.revoke({ keyId: 'key_1', reason: 'because' }) // refused: a reason is one of a list
    await claviger.keys.revoke({ keyId: 'key_1', reason: 'superseded' }, { ifMatch: 3 }) // refused: this operation has no precondition
  } catch (error) {
    if (isProblemOf(error, 'keys.get') && error.code === 'keys/not-found') return undefined
    if (isProblemOf(error, 'keys.get') && error.code === 'keys/invalid-expiry') return undefined // refused: this operation has no such code
    if (error instanceof ClavigerProblem) console.log(error.status)
  }
  return undefined
}

const app = fastify()
app.addHook('onRequest', protectFastify({ ...options, permissions: (request) => (request.method === 'GET' ? 'a:read' : null) }))
app.get('/', (request) => request.claviger?.keyId ?? '')
app.post('/', { preHandler: protectFastify({ ...options, permissions: { any: ['a:write'] } }) }, async (request) => (await request.claviger?.verify('b:write'))?.valid)
export const hono = new Hono().use(protectHono({ ...options, permissions: [] })).get('/', (context) => context.text(context.get('claviger').keyId))
`

test('what is published has types that a strict project can use, and that refuse what the server would', () => {
  for (const name of ['fastify', 'hono', '@types']) symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name))
  writeFileSync(join(project, 'consumer.mts'), consumer)
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({
    compilerOptions: { strict: true, noEmit: true, target: 'es2022', module: 'nodenext', types: ['node'], exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
    files: ['consumer.mts', 'node_modules/@claviger/sdk/express.d.ts', 'node_modules/@claviger/sdk/node.d.ts'],
  }))
  const { stdout } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', project], { encoding: 'utf8', cwd: project })
  const refused = consumer.split('\n').flatMap((line, index) => (line.includes('// refused: ') ? [`consumer.mts(${index + 1}`] : []))
  assert.equal(refused.length, 4)
  const errors = stdout.split('\n').filter((line) => line.includes(': error TS') && !/node_modules\/(?!@claviger)/.test(line))
  assert.deepEqual(errors.map((line) => line.split(',', 1)[0]), refused, stdout)
})
