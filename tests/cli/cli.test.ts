/**
 * The command line, as people use it: every `*.txt` beside this file is a session, run against a real server with the
 * real program.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, describe, test, type TestContext } from 'node:test'
import { tokenPattern } from '@claviger/verifier'
import { startTestInstance, type TestInstance } from '../support/instance.ts'
import { match, parseSession, type Step } from './session.ts'

const repository = resolve(import.meta.dirname, '../..')
/** One for all: what is compiled once need not be compiled again. */
const cache = mkdtempSync(join(tmpdir(), 'claviger-cli-cache-'))
after(() => rmSync(cache, { recursive: true, force: true }))

interface Ran {
  readonly out: string
  readonly err: string
  readonly code: number | null
}

/** Somebody's machine: a home, a folder to work in, and a server, which they may stop and start. */
class Place {
  readonly home = mkdtempSync(join(tmpdir(), 'claviger-cli-'))
  readonly kept = new Map<string, string>()
  #width = 0
  readonly data = mkdtempSync(join(tmpdir(), 'claviger-cli-data-'))
  #instance: TestInstance | null = null

  async start(): Promise<void> {
    const instance = await startTestInstance({ keyProcess: 'child', dataDirectory: this.data, exampleApi: true })
    this.#instance = instance
    writeFileSync(join(this.home, 'owner'), `${instance.ownerSecret}\n`, { mode: 0o600 })
    this.kept.set('url', instance.url).set('data', instance.dataDirectory).set('workspace', instance.workspaceId).set('home', this.home)
    writeFileSync(join(this.home, 'claviger.yaml'), `listen: { host: 127.0.0.1, port: ${instance.port} }\ndataDirectory: ${instance.dataDirectory}\n`)
  }

  async stop(): Promise<void> {
    await this.#instance?.close()
    this.#instance = null
  }

  async remove(): Promise<void> {
    await this.#instance?.close()
    rmSync(this.home, { recursive: true, force: true })
    rmSync(this.data, { recursive: true, force: true })
  }

  async direct(directive: string, argument: string): Promise<void> {
    if (directive === 'terminal') this.#width = Number(argument)
    else if (directive === 'pipe') this.#width = 0
    else if (directive === 'stop') await this.stop()
    else if (directive === 'start') await this.start()
    else assert.fail(`there is no directive ${directive}`)
  }

  environment(): NodeJS.ProcessEnv {
    return {
      PATH: `${repository}:${process.env['PATH'] ?? ''}`, HOME: this.home, NO_COLOR: '1', LANG: 'C.UTF-8', TMPDIR: tmpdir(),
      XDG_CACHE_HOME: cache, XDG_CONFIG_HOME: join(this.home, 'config'), XDG_STATE_HOME: join(this.home, 'state'),
      ...(this.#width === 0 ? {} : { CLAVIGER_FORCE_TTY: String(this.#width) }),
      ...Object.fromEntries(this.kept),
    }
  }

  run(command: string): Promise<Ran> {
    const child = spawn('/bin/sh', ['-c', command], { cwd: this.home, env: this.environment(), stdio: ['ignore', 'pipe', 'pipe'] })
    let [out, err] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
    return new Promise((settle, reject) => {
      child.on('error', reject)
      child.on('close', (code) => settle({ out, err, code }))
    })
  }
}

async function place(context: TestContext, withServer = true): Promise<Place> {
  const made = new Place()
  context.after(() => made.remove())
  if (withServer) await made.start()
  return made
}

/** What went otherwise than written, or null. */
function differenceOf(step: Step, ran: Ran, kept: Map<string, string>): string | null {
  const wrong = match(step.out, ran.out, kept) ?? match(step.err, ran.err, kept)
  if (wrong === null && ran.code === step.code) return null
  const said = [`line ${step.line}: $ ${step.command}`, wrong ?? `exit code ${ran.code} instead of ${step.code}`, '--- stdout', ran.out, '--- stderr', ran.err, `--- exit code ${ran.code}`]
  return said.join('\n')
}

describe('a session', () => {
  for (const name of readdirSync(import.meta.dirname).filter((each) => each.endsWith('.txt')).sort()) {
    test(`goes as written: ${name.slice(0, -'.txt'.length)}`, async (context) => {
      const here = await place(context)
      const seen = new Map<string, number>()
      const differences: string[] = []
      for (const step of parseSession(readFileSync(join(import.meta.dirname, name), 'utf8'))) {
        if ('directive' in step) {
          await here.direct(step.directive, step.argument)
          continue
        }
        const ran = await here.run(step.command)
        differences.push(...[differenceOf(step, ran, here.kept)].filter((each) => each !== null))
        for (const [token] of `${ran.out}\n${ran.err}`.matchAll(new RegExp(tokenPattern(), 'g'))) seen.set(token, (seen.get(token) ?? 0) + 1)
      }
      assert.equal(differences.length, 0, differences.join('\n\n'))
      assert.deepEqual([...seen.values()].filter((times) => times > 1), [], 'no secret is printed twice')
    })
  }
})

test('a session that goes otherwise fails', () => {
  const [step] = parseSession('$ claviger x\nout <<key first>>\n! err\n? 3\n') as readonly Step[]
  const kept = new Map<string, string>()
  const ran = { out: 'out key_4Fh2kQ9sVbT1xY7z\n', err: 'err\n', code: 3 }
  assert.equal(differenceOf(step!, ran, kept), null)
  assert.equal(kept.get('first'), 'key_4Fh2kQ9sVbT1xY7z')
  for (const other of [{ ...ran, out: 'out\n' }, { ...ran, out: `${ran.out}more\n` }, { ...ran, err: '' }, { ...ran, code: 0 }]) {
    assert.notEqual(differenceOf(step!, other, new Map()), null)
  }
})

test('Ctrl-C while a write is under way ends at once, and says how to find out what became of it', async (context) => {
  const here = await place(context, false)
  writeFileSync(join(here.home, 'credential'), 'a-credential\n')
  // It takes the request and never answers.
  const server = createServer((socket) => socket.resume())
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle))
  const { port } = server.address() as { port: number }
  const child = spawn(join(repository, 'claviger'), ['principals', 'create', '--name', 'x', '--role', 'auditor', '--credential-file', 'credential', '--url', `http://127.0.0.1:${port}`], { cwd: here.home, env: here.environment() })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  await new Promise<void>((settle) => server.on('connection', (socket) => socket.once('data', () => settle())))
  child.kill('SIGINT')
  const code = await new Promise<number | null>((settle) => child.on('close', settle))
  server.close()
  assert.equal(code, 130)
  assert.match(said, /--idempotency-key [0-9a-f-]{36}/)
})

/** A way to the server on which answers get lost: the first `losses` requests arrive, and nothing comes back. */
async function lossyWay(context: TestContext, to: number | null, losses: number) {
  const keys: string[] = []
  const way = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (bytes) => {
      keys.push(/idempotency-key: (\S+)/i.exec(bytes.toString('latin1'))?.[1] ?? '')
      if (to === null) {
        socket.destroy()
        return
      }
      const upstream = connect(to, '127.0.0.1')
      upstream.on('error', () => socket.destroy())
      upstream.write(bytes)
      if (keys.length <= losses) upstream.once('data', () => socket.destroy())
      else socket.pipe(upstream).pipe(socket)
    })
  })
  await new Promise<void>((settle) => way.listen(0, '127.0.0.1', settle))
  context.after(() => way.close())
  return { url: `http://127.0.0.1:${(way.address() as { port: number }).port}`, keys }
}

test('a write whose connection is lost for good says how to repeat it without a second effect', async (context) => {
  const here = await place(context, false)
  writeFileSync(join(here.home, 'credential'), 'a-credential\n')
  const { url, keys } = await lossyWay(context, null, Infinity)
  const { err, code } = await here.run(`claviger workspaces create --name x --owner-name y --credential-file credential --url ${url} --secret-file made`)
  assert.equal(code, 6)
  assert.equal(keys.length, 2)
  assert.equal(keys[0], keys[1])
  assert.ok(err.includes(`--idempotency-key ${keys[0]}`), err)
  assert.equal(existsSync(join(here.home, 'made')), false, 'the file for a secret that never came is taken away again')
})

test('a write whose answer is lost is done once; a secret that was lost with it is said to be lost', async (context) => {
  const here = await place(context)
  const plain = await lossyWay(context, Number(new URL(here.kept.get('url') ?? '').port), 1)
  const made = await here.run(`claviger consumers create --reference once --credential-file owner --url ${plain.url} -q`)
  assert.deepEqual([made.code, plain.keys.length, plain.keys[0] === plain.keys[1]], [0, 2, true], made.err)
  const withSecret = await lossyWay(context, Number(new URL(here.kept.get('url') ?? '').port), 1)
  const environment = (await here.run(`claviger environments list --credential-file owner --url $url | awk '/development/ {print $1}'`)).out.trim()
  const lost = await here.run(`claviger keys create --environment ${environment} --name once --permissions demo:read --credential-file owner --url ${withSecret.url} --secret-file lost`)
  assert.equal(lost.code, 1, lost.err)
  assert.match(lost.err.replaceAll(/\s+/g, ' '), /key_[0-9A-Za-z]{16} was made, but the connection was lost before its secret arrived/)
  assert.equal(existsSync(join(here.home, 'lost')), false)
  assert.equal((await here.run('claviger keys list --all --credential-file owner --url $url')).out.split('\n').filter((line) => line.includes('\tonce\t')).length, 1)
})

test('a reader that has seen enough ends the program quietly', async (context) => {
  const here = await place(context)
  const { err, code } = await here.run('claviger principals list --all --url $url --credential-file owner >/dev/null; claviger help | true; claviger --help | head -c 1 >/dev/null')
  assert.deepEqual([err, code], ['', 0])
})

const scriptTool = spawnSync('script', ['--version']).status === 0
const needsScript = { skip: scriptTool ? false : '`script` (util-linux) is not installed' }

/** Runs a command on a terminal of its own, 60 columns wide, and types `input` once `prompt` is there. */
function onTerminal(here: Place, command: string, typing?: { readonly prompt: string; readonly input: string }): Promise<string> {
  const { NO_COLOR: _none, ...environment } = here.environment()
  const child = spawn('script', ['-qec', `stty cols 60; ${command}`, '/dev/null'], { cwd: here.home, env: { ...environment, TERM: 'xterm-256color' } })
  let shown = ''
  let isTyped = false
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text
    if (typing === undefined || isTyped || !shown.includes(typing.prompt)) return
    isTyped = true
    child.stdin.write(typing.input)
  })
  return new Promise((settle, reject) => {
    child.on('error', reject)
    child.on('close', () => settle(shown))
  })
}

test('a terminal gets colours, unless NO_COLOR says no, and lines that fit it', needsScript, async (context) => {
  const here = await place(context)
  const list = await onTerminal(here, 'claviger apis list --url $url --credential-file owner')
  assert.ok(list.includes('\u001b[32mactive\u001b[39m'), list)
  // oxlint-disable-next-line no-control-regex -- colours are control characters
  for (const line of list.replaceAll(/\u001b\[[0-9;]*m/g, '').split(/\r?\n/)) assert.ok(line.length <= 60, line)
  const plain = await onTerminal(here, 'NO_COLOR=1 claviger apis list --url $url --credential-file owner')
  assert.match(plain, /active/)
  assert.ok(!plain.includes('\u001b['), plain)
})

test('what is pasted at the prompt is not shown', needsScript, async (context) => {
  const here = await place(context)
  const secret = readFileSync(join(here.home, 'owner'), 'utf8').trim()
  const shown = await onTerminal(here, 'claviger login --url $url', { prompt: 'Paste the credential', input: `${secret}\r` })
  assert.match(shown, /Logged in to .* as/)
  assert.ok(!shown.includes(secret.slice(-20)))
  assert.match(await onTerminal(here, 'claviger login --url $url; echo code $?', { prompt: 'Paste the credential', input: '\u0003' }), /Nothing was done[^]*code 130/)
})
