/** The same small service behind `protect()`, once a framework, each on a port of its own. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import express, { type ErrorHandler } from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import type { Permissions, ProtectorOptions, VerifiedKey } from '@claviger/sdk'
import { protect as protectExpress } from '@claviger/sdk/express'
import { protect as protectFastify } from '@claviger/sdk/fastify'
import { protect as protectFetch } from '@claviger/sdk/fetch'
import { protect as protectHono } from '@claviger/sdk/hono'
import { protect as protectNode } from '@claviger/sdk/node'

export interface ProtectedServer {
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

/** What a request to `/read`, `/write`, `/either`, `/any` needs; to any other path, nobody may. `/fail` has a mistake in it. */
export function permissionsOfPath(path: string): Permissions | null {
  if (path === '/fail') throw new Error('a mistake in the function')
  if (path.startsWith('/named/')) return decodeURIComponent(path.slice('/named/'.length))
  return permissionsByPath.get(path) ?? null
}

const permissionsByPath: ReadonlyMap<string, Permissions> = new Map<string, Permissions>([
  ['/any', []], ['/read', 'rpc:read'], ['/write', ['rpc:read', 'rpc:write']], ['/either', { any: ['rpc:write', 'rpc:read'] }],
])

/** What every service answers: who it thinks is asking. */
const answerFor = (key: VerifiedKey | undefined): object => ({ keyId: key?.keyId, environmentId: key?.environmentId, consumerId: key?.consumerId, permissions: key?.permissions })

export interface ServiceOptions extends ProtectorOptions {
  /** Believes this header, as a service behind a proxy does. */
  readonly forwardedHeader?: string
}

const pathOf = (url: string | undefined): string => (url ?? '').split('?', 1)[0] ?? ''
const headerOf = (request: IncomingMessage, name: string): string => String(request.headers[name] ?? '')

/** The option that a framework's `protect` takes, or nothing, so that its default counts. */
const clientIpOption = <Request>(name: string | undefined, read: (request: Request, name: string) => string | null | undefined) =>
  (name === undefined ? {} : { clientIp: (request: Request) => read(request, name) })

async function listening(server: Server): Promise<ProtectedServer> {
  if (!server.listening) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`, port,
    close: () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      return closed
    },
  }
}

/** A Fetch handler on Node, as adapters of frameworks do it. */
const fetchServer = (handle: (request: Request, incoming: IncomingMessage) => Response | Promise<Response>): Server =>
  createServer((incoming, outgoing) => {
    const headers = new Headers()
    for (let index = 0; index < incoming.rawHeaders.length; index += 2) headers.append(incoming.rawHeaders[index]!, incoming.rawHeaders[index + 1]!)
    const hasBody = incoming.method !== 'GET' && incoming.method !== 'HEAD'
    const request = new Request(`http://localhost${incoming.url}`, {
      method: incoming.method ?? 'GET', headers, ...(hasBody ? { body: Readable.toWeb(incoming) as ReadableStream, duplex: 'half' } : {}),
    })
    Promise.resolve(handle(request, incoming)).then(
      async (response) => {
        outgoing.writeHead(response.status, Object.fromEntries(response.headers))
        outgoing.end(Buffer.from(await response.arrayBuffer()))
      },
      () => outgoing.writeHead(500).end(),
    )
  })

export type StartServer = (options: ServiceOptions) => Promise<ProtectedServer>

export const frameworks: Readonly<Record<string, StartServer>> = {
  Fastify: async ({ forwardedHeader, ...options }) => {
    const app = fastify()
    app.addHook('onRequest', protectFastify({
      ...options, permissions: (request) => permissionsOfPath(pathOf(request.url)), ...clientIpOption(forwardedHeader, (request, name) => headerOf(request.raw, name)),
    }))
    app.all('/*', (request) => answerFor(request.claviger))
    await app.listen({ port: 0, host: '127.0.0.1' })
    const server = await listening(app.server)
    return { ...server, close: async () => {
      app.server.closeAllConnections()
      await app.close()
    } }
  },
  Express: async ({ forwardedHeader, ...options }) => {
    const app = express()
    app.use(protectExpress({ ...options, permissions: (request) => permissionsOfPath(pathOf(request.url)), ...clientIpOption(forwardedHeader, headerOf) }))
    app.all('/*path', (request, response) => response.json(answerFor(request.claviger)))
    const onError: ErrorHandler = (_error, _request, response, _next) => void response.writeHead(500).end()
    app.use(onError)
    return listening(app.listen(0, '127.0.0.1'))
  },
  Hono: async ({ forwardedHeader, ...options }) => {
    const app = new Hono()
    const guard = protectHono({
      ...options, permissions: (context) => permissionsOfPath(context.req.path), ...clientIpOption(forwardedHeader, (context, name) => context.req.header(name)),
    })
    // A wildcard does not match a line break in a path (honojs/hono#5345), a parameter does.
    const service = app.use(guard)
      .all('/named/:text', (context) => context.json(answerFor(context.get('claviger'))))
      .all('/*', (context) => context.json(answerFor(context.get('claviger'))))
      .onError((_error, context) => context.body(null, 500))
    // `env` as `@hono/node-server` gives it.
    return listening(fetchServer((request, incoming) => service.fetch(request, { incoming })))
  },
  'node:http': async ({ forwardedHeader, ...options }) => {
    const guard = protectNode({ ...options, permissions: ({ url }) => permissionsOfPath(pathOf(url)), ...clientIpOption(forwardedHeader, headerOf) })
    return listening(createServer((request, response) => {
      guard(request, response).then(
        (key) => {
          if (key !== null) response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answerFor(key)))
        },
        () => response.writeHead(500).end(),
      )
    }))
  },
  fetch: async ({ forwardedHeader, ...options }) => {
    // A `Request` does not say who sent it, so its handler is told.
    const peers = new WeakMap<Request, IncomingMessage>()
    const guard = protectFetch({
      ...options,
      permissions: ({ url }) => permissionsOfPath(new URL(url).pathname),
      clientIp: (request) => (forwardedHeader === undefined ? peers.get(request)?.socket.remoteAddress : request.headers.get(forwardedHeader)),
    })
    return listening(fetchServer(async (request, incoming) => {
      peers.set(request, incoming)
      const { key, response } = await guard(request)
      return response ?? Response.json(answerFor(key))
    }))
  },
}
