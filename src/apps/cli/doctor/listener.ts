/** Where the server listens: whether it does, whether it is ready, and who else holds the port. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import * as http from 'node:http'
import * as https from 'node:https'
import { createServer } from 'node:net'
import { absentCodes, addressesOf } from '#core/http/listeners'
import type { Config } from '../../server/config.ts'
import { readOwnServer } from '../../own-server.ts'
import { proveServer } from '../prove-server.ts'
import { ok, problem, reasonOf, type Check } from './check.ts'

const timeoutMs = 5_000

export async function checkListener({ listen, tls, dataDirectory }: Config, signal: AbortSignal): Promise<readonly Check[]> {
  const name = listen.host.includes(':') ? `[${listen.host}]` : listen.host
  const address = `${name}:${listen.port}`
  if (listen.port === 0) return [ok('listener', 'any free port')]
  const error = await bindingError(listen.host, listen.port)
  if (error === null) return [ok('listener', `${address} is free; no server runs here`)]
  if (error !== 'EADDRINUSE') return [problem('listener', `${address} cannot be opened (${error})`, 'Correct `listen` in the configuration, or run as a user that may.')]
  const holder = holderOf(listen.port)
  const readiness = await askReadiness(`${tls === null ? 'http' : 'https'}://${name}:${listen.port}`, signal)
  if (typeof readiness === 'string') {
    return [problem('listener', `${address} is held by ${holder}, which does not answer as Claviger does (${readiness})`, 'Stop it, or set another `listen.port`.')]
  }
  if (!(await isOwn(dataDirectory, listen.port, signal))) {
    return [problem('listener', `${address} is held by ${holder}: a Claviger, but not the one of ${dataDirectory}`, 'Stop it, set another `listen.port`, or look at its own directory with --data. If it is older than this program, start it anew.')]
  }
  const failing = Object.entries(readiness.checks).filter(([, works]) => !works).map(([each]) => each)
  return [
    ok('listener', `Claviger answers at ${address} (${holder})`),
    readiness.ready ? ok('server', 'ready') : problem('server', `not ready: ${failing.join(', ')}`, 'Its log says why.'),
  ]
}

/** Whether the server of the data directory listens at that port, proved. */
async function isOwn(dataDirectory: string, port: number, signal: AbortSignal): Promise<boolean> {
  const own = readOwnServer(dataDirectory)
  return own !== null && own.addresses.some((each) => each.port === port) && (await proveServer(own, signal)) !== null
}

/** Null when the port could be opened, at every address that the name has here. */
async function bindingError(host: string, port: number): Promise<string | null> {
  const [first, ...others] = await addressesOf(host)
  const error = await bindingErrorAt(first, port)
  if (error !== null) return error
  for (const other of others) {
    const trouble = await bindingErrorAt(other, port)
    if (trouble !== null && !absentCodes.has(trouble)) return trouble
  }
  return null
}

function bindingErrorAt(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)))
  })
}

interface Readiness {
  readonly ready: boolean
  readonly checks: Readonly<Record<string, boolean>>
}

/** What `/readyz` says, or why that is nothing to go by. No credential is sent, so any certificate will do. */
function askReadiness(origin: string, signal: AbortSignal): Promise<Readiness | string> {
  return new Promise((resolve) => {
    const get = origin.startsWith('https:') ? https.get : http.get
    const request = get(`${origin}/readyz`, { signal, timeout: timeoutMs, rejectUnauthorized: false, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += text.length < 65_536 ? chunk : ''))
      response.on('end', () => resolve(parsed(text) ?? `status ${response.statusCode}`))
      response.on('error', (error) => resolve(error.message))
    })
    request.on('timeout', () => request.destroy(new Error('no answer')))
    request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? reasonOf(error)))
  })
}

function parsed(text: string): Readiness | null {
  try {
    const { ready, checks } = JSON.parse(text) as Partial<Readiness>
    return typeof ready === 'boolean' && typeof checks === 'object' && checks !== null ? { ready, checks } : null
  } catch {
    return null
  }
}

/** Which process listens on a port, as far as this user may see it (Linux). */
export function holderOf(port: number): string {
  try {
    const inode = inodeOf(port)
    if (inode === null) return 'another process'
    for (const pid of readdirSync('/proc').filter((each) => /^[0-9]+$/.test(each))) {
      if (holds(pid, inode)) return `process ${pid}, ${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()}`
    }
    return 'a process of another user'
  } catch {
    return 'another process'
  }
}

const listening = '0A'

function inodeOf(port: number): string | null {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readFileSync(table, 'latin1').split('\n').slice(1)) {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
      if (state === listening && local.endsWith(`:${wanted}`)) return inode ?? null
    }
  }
  return null
}

function holds(pid: string, inode: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`)
  } catch {
    return false
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

