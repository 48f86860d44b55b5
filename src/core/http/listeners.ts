/**
 * Listening sockets: bounded, on loopback unless they speak TLS, drained before they close.
 *
 * @module
 */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerOptions } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import { lookup } from 'node:dns/promises'
import { createServer as createNetServer, type AddressInfo, type Server as NetServer, type Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { assert } from '#core/base/assert'
import type { Logger } from '#core/telemetry/logger'
import { createConnectionCounts } from './connection-counts.ts'
import type { Limits } from './limits.ts'
import { readTls, tlsFingerprint, type TlsFiles } from './tls.ts'

/** One socket. */
export interface Bound {
  readonly address: string
  readonly port: number
}

/** Where a server listens. */
export interface Listening {
  readonly url: string
  readonly port: number
  readonly addresses: readonly Bound[]
}

/** Who answers what comes in. */
export interface Handlers {
  readonly request: RequestListener
  /** An `Expect` other than `100-continue`. */
  readonly unmetExpectation: RequestListener
  /** `CONNECT`: somebody takes this for a proxy. The socket is no HTTP connection any more. */
  readonly connect: (request: IncomingMessage, socket: Socket) => void
}

export interface Listeners {
  create(handlers: Handlers): Server
  listen(app: FastifyInstance, at: { readonly host: string; readonly port: number }, unsafePlainHttp: boolean): Promise<Listening>
  reloadTls(): void
  /** @param quiet resolves when every answer has gone out */
  close(app: FastifyInstance, quiet: Promise<void>): Promise<void>
}

const loopbackHosts: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1'])
const tlsCheckMs = 1_000
/** This machine has no such address, whatever its list of names says. */
export const absentCodes: ReadonlySet<string | undefined> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])

/** @param isProxy the addresses of proxies that are trusted */
export function createListeners(limits: Limits, tls: TlsFiles | null, logger: Logger, isProxy: (address: string) => boolean): Listeners {
  const servers: (Server | TlsServer)[] = []
  /** For the other addresses of a name: `localhost` may have two. What connects there is handed to the server itself. */
  const doors: NetServer[] = []
  /** All of them: Node itself forgets those that have not shaken hands yet. */
  const sockets = new Set<Socket>()
  const counts = createConnectionCounts(limits.connectionsPerAddressMax, isProxy)
  let fingerprint = tls === null ? '' : tlsFingerprint(tls)
  const watch = tls === null ? null : setInterval(reloadIfChanged, tlsCheckMs).unref()

  function reloadIfChanged(): void {
    if (tls === null) return
    const current = tlsFingerprint(tls)
    if (current === '' || current === fingerprint) return
    fingerprint = current
    reloadTls()
  }

  function reloadTls(): void {
    if (tls === null) return
    try {
      const secureContext = readTls(tls)
      for (const server of servers) if ('setSecureContext' in server) server.setSecureContext(secureContext)
      logger.info({ certFile: tls.certFile }, 'TLS certificate loaded')
    } catch (error) {
      logger.error({ certFile: tls.certFile, err: error }, 'TLS certificate cannot be used; the one before stays')
    }
  }

  async function openDoor(host: string, port: number, server: NetServer): Promise<void> {
    const door = createNetServer({ allowHalfOpen: tls === null, noDelay: true }, (socket) => void server.emit('connection', socket))
    const error = await new Promise<NodeJS.ErrnoException | null>((settle) => door.once('error', settle).listen(port, host, () => settle(null)))
    if (error === null) doors.push(door)
    else if (!absentCodes.has(error.code)) throw error
  }

  return {
    create({ request, unmetExpectation, connect }) {
      const options = nodeOptions(limits)
      const server = tls === null
        ? createServer(options, request)
        : createTlsServer({ ...options, ...readTls(tls), ...(tls.clientCaFile === undefined ? {} : { requestCert: true, rejectUnauthorized: true }) }, request)
      // Node would ask for every body at once; the pipeline asks for those that it will read.
      server.on('checkContinue', request)
      server.on('checkExpectation', unmetExpectation)
      server.on('connect', connect)
      server.on('connection', (socket: Socket) => {
        // Before a byte of it was read; over TLS before the handshake. Node would count those of each door by themselves.
        if (sockets.size >= limits.connectionsMax || !counts.admit(socket)) return void socket.destroy()
        sockets.add(socket)
        socket.once('close', () => sockets.delete(socket))
      })
      // A header that is dropped because there are many could be a precondition; their bytes are bounded anyway.
      server.maxHeadersCount = 0
      servers.push(server)
      return server
    },
    async listen(app, { host, port }, unsafePlainHttp) {
      assert(tls !== null || loopbackHosts.has(host) || unsafePlainHttp, 'H9: plain HTTP is served on loopback only, unless `unsafePlainHttp` says otherwise')
      const [first, ...others] = await addressesOf(host)
      await app.listen({ host: first, port })
      const main = app.server.address() as AddressInfo
      // Every address of the name: whoever had another one would be sent credentials that are meant for this server.
      for (const other of others) await openDoor(other, main.port, app.server)
      const name = host.includes(':') ? `[${host}]` : host
      const addresses = [main, ...doors.map((door) => door.address() as AddressInfo)]
      return { url: `${tls === null ? 'http' : 'https'}://${name}:${main.port}`, port: main.port, addresses }
    },
    reloadTls,
    async close(app, quiet) {
      if (watch !== null) clearInterval(watch)
      const closeSockets = (): void => sockets.forEach((socket) => socket.destroy())
      const deadline = setTimeout(() => {
        logger.warn({ drainMs: limits.drainMs }, 'requests were still under way when the time to drain had passed')
        closeSockets()
      }, limits.drainMs)
      // What is left then are connections that ask nothing: idle, not yet used, or in the middle of saying hello.
      void quiet.then(closeSockets)
      // The server waits for its own connections, and each door for those that came through it.
      await Promise.all([app.close(), ...doors.map((door) => new Promise((closed) => door.close(closed)))])
      clearTimeout(deadline)
    },
  }
}

/** Each of a name's once, IPv4 first: that is there on every machine. Fastify, given the name, would listen on one of them. */
export async function addressesOf(host: string): Promise<readonly [string, ...string[]]> {
  const found = host === 'localhost' ? await lookup(host, { all: true, order: 'ipv4first' }) : []
  // A list of names with `localhost` on two lines tells of the same address twice.
  const [first = host, ...others] = new Set(found.map(({ address }) => address))
  return [first, ...others]
}

const nodeOptions = (limits: Limits): ServerOptions => ({
  maxHeaderSize: limits.headerMax,
  headersTimeout: limits.headersTimeoutMs,
  requestTimeout: limits.requestTimeoutMs,
  keepAliveTimeout: limits.keepAliveMs,
  connectionsCheckingInterval: 1_000,
  noDelay: true,
  // Of two `Authorization` or `Content-Type` headers Node would take the first and drop the other; joined, they are refused.
  joinDuplicateHeaders: true,
  // Refused with a problem instead; see `Exchange.refusalAtTheDoor`.
  requireHostHeader: false,
})
