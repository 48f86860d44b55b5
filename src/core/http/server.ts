/**
 * The HTTP server, built from the operations.
 *
 * Fastify routes, registers and closes; what happens to a request is the pipeline's, because Fastify reads a body before
 * anyone knows whose it is.
 *
 * @module
 */
import { METHODS, type IncomingMessage, type ServerResponse } from 'node:http'
import swagger from '@fastify/swagger'
import fastify, { type FastifyInstance } from 'fastify'
import type { Clock } from '#core/base/clock'
import type { Random } from '#core/base/id'
import type { Storage } from '#core/storage/storage'
import type { Logger } from '#core/telemetry/logger'
import type { Metrics } from '#core/telemetry/metrics'
import { createClientAddress, createProxyTest } from './client-address.ts'
import { answerClientError, refuseConnect } from './client-errors.ts'
import type { ServerContext } from './context.ts'
import { createCredentialThrottle } from './credential-throttle.ts'
import { createFailureLog } from './failure-log.ts'
import { Exchange, type Label } from './exchange.ts'
import { httpFaults } from './faults.ts'
import { defaultLimits, type Limits } from './limits.ts'
import { createListeners, type Listening } from './listeners.ts'
import type { AnyMount } from './operation.ts'
import { documentOf, swaggerOptions, type OpenapiInfo, type RouteConfig } from './openapi.ts'
import { serve } from './pipeline.ts'
import type { Ports } from './ports.ts'
import { createRequestIds } from './request-id.ts'
import { routesOf, type Route } from './route.ts'
import { publicPages, type ErrorPages, type Page, type PageRequest, type Readiness } from './pages.ts'
import type { TlsFiles } from './tls.ts'

export interface HttpServerOptions {
  readonly mounts: readonly AnyMount[]
  readonly ports: Ports
  readonly clock: Clock
  readonly random: Random
  readonly storage: Storage
  readonly logger: Logger
  readonly metrics: Metrics
  readonly openapiInfo: OpenapiInfo
  readonly errorPages: ErrorPages
  readonly isReady: () => Promise<Readiness>
  /** Proves to other programs of this user which server it is. */
  readonly prove: (nonce: string) => string | null
  readonly limits?: Partial<Limits>
  readonly tls?: TlsFiles
  /** CIDR blocks of proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies?: readonly string[]
  /** Serves plain HTTP on addresses other than loopback: credentials then cross the network readable. */
  readonly unsafePlainHttp?: boolean
}

export interface HttpServer {
  /** @throws Error `EADDRINUSE` and its kin, from Node */
  listen(at: { readonly host: string; readonly port: number }): Promise<Listening>
  /** The OpenAPI 3.1 document. */
  openapi(): object
  /** Reads the certificate files again. One that cannot be used is logged, and the old one stays. */
  reloadTls(): void
  /** Takes nothing new, answers what is under way, and closes; after `drainMs` it closes without. */
  close(): Promise<void>
}

export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const context = contextOf(options)
  const { limits, newRequestId, logger } = context
  const listeners = createListeners(limits, options.tls ?? null, logger, createProxyTest(options.trustedProxies ?? []))
  const unmatched: Label = { name: 'unmatched', logLevel: 'debug', meter: options.metrics.meterOf('unmatched') }
  const app = fastify({
    serverFactory: (handler) => listeners.create({
      request: handler as (request: IncomingMessage, response: ServerResponse) => void,
      unmetExpectation: (request, response) => {
        new Exchange(context, unmatched, request, response).refuse(httpFaults['bad-request']('The one expectation that is met here is `100-continue`.'))
      },
      connect: (_request, socket) => refuseConnect(socket, newRequestId()),
    }),
    exposeHeadRoutes: false,
    // Closing answers for itself; see `Exchange.refusalAtTheDoor`.
    return503OnClosing: false,
    routerOptions: { maxParamLength: limits.uriMax, querystringParser: () => ({}) },
    frameworkErrors: (_error, request, reply) => {
      // The router's own errors are two: a parameter that is as long as no address may be, and one that cannot be decoded.
      const exchange = new Exchange(context, unmatched, request.raw, reply.raw)
      exchange.refuse(exchange.refusalByLength() ?? httpFaults['bad-request']('The address is not percent-encoded UTF-8.'))
    },
    clientErrorHandler: (error, socket) => answerClientError(error, socket, newRequestId()),
  })
  // The pipeline reads bodies itself, after it knows whose they are; Fastify must not.
  for (const method of METHODS) app.addHttpMethod(method, { hasBody: false, overrideExisting: true })
  await app.register(swagger, swaggerOptions(options.openapiInfo))
  options.metrics.watchInFlight(() => context.inFlight)
  const routes = routesOf(options.mounts, (id) => options.metrics.meterOf(id), limits.queryParamsMax)
  const allowed = new AllowedMethods()
  for (const route of routes) mountOperation(app, context, route, allowed)
  for (const page of publicPages({ ...options, openapi: () => app.swagger() })) mountPage(app, context, page, options.metrics, allowed)
  for (const [path, methods] of allowed.missing()) refuseMethods(app, context, unmatched, path, methods)
  app.setNotFoundHandler((request, reply) => {
    const exchange = new Exchange(context, unmatched, request.raw, reply.raw)
    exchange.refuse(exchange.refusalByLength() ?? httpFaults['no-such-route']('Nothing is served at this address. /docs lists what is.'))
  })
  await app.ready()
  return {
    listen: (at) => listeners.listen(app, at, options.unsafePlainHttp ?? false),
    openapi: () => app.swagger(),
    reloadTls: () => listeners.reloadTls(),
    close: () => {
      const quiet = Promise.withResolvers<void>()
      context.whenQuiet = quiet.resolve
      context.isDraining = true
      if (context.open === 0) quiet.resolve()
      return listeners.close(app, quiet.promise)
    },
  }
}

function contextOf(options: HttpServerOptions): ServerContext {
  const limits = { ...defaultLimits, ...options.limits }
  const { ports, logger, clock, random, storage } = options
  return {
    ports, limits, logger, failures: createFailureLog(logger), clock, random, storage,
    newRequestId: createRequestIds(random),
    clientAddressOf: createClientAddress(options.trustedProxies ?? []),
    credentialThrottle: createCredentialThrottle(limits.refusedCredentialsMax, limits.refusedCredentialsPerS),
    strictTransport: options.tls !== undefined,
    inFlight: 0,
    arriving: 0,
    open: 0,
    whenQuiet: () => {},
    isDraining: false,
  }
}

/** Which methods each path has: the rest are answered 405 with `Allow` (RFC 9110 §15.5.6). */
class AllowedMethods {
  private readonly byShape = new Map<string, { readonly path: string; readonly methods: string[] }>()

  /** A path that serves GET serves HEAD too (RFC 9110 §9.1). */
  add(method: string, path: string): void {
    const shape = path.replaceAll(/:[^/]+/g, ':')
    const entry = this.byShape.get(shape) ?? { path, methods: [] }
    entry.methods.push(...(method === 'GET' ? ['GET', 'HEAD'] : [method]))
    this.byShape.set(shape, entry)
  }

  missing(): (readonly [path: string, allowed: readonly string[]])[] {
    return [...this.byShape.values()].map(({ path, methods }) => [path, methods])
  }
}

function mountOperation(app: FastifyInstance, context: ServerContext, route: Route, allowed: AllowedMethods): void {
  const { operation, method, path, meter } = route
  const label: Label = { name: operation.id, logLevel: operation.effect === 'write' ? 'info' : 'debug', meter }
  const handler = (request: { readonly raw: IncomingMessage; readonly params: unknown }, reply: { readonly raw: ServerResponse }): void => {
    const { raw, params } = request
    serve(new Exchange(context, label, raw, reply.raw), route, { params: params as Readonly<Record<string, string>>, query: queryOf(raw) })
  }
  app.route({ method, url: path, config: { document: documentOf(route) } satisfies RouteConfig, handler })
  if (method === 'GET') app.route({ method: 'HEAD', url: path, handler })
  allowed.add(method, path)
}

function mountPage(app: FastifyInstance, context: ServerContext, page: Page, metrics: Metrics, allowed: AllowedMethods): void {
  const label: Label = { name: page.name, logLevel: 'debug', meter: metrics.meterOf(page.name) }
  app.route({
    method: ['GET', 'HEAD'],
    url: page.path,
    handler: (request, reply) => {
      const exchange = new Exchange(context, label, request.raw, reply.raw)
      void answerPage(exchange, page, { params: request.params as Readonly<Record<string, string>>, accept: request.headers.accept ?? '' })
    },
  })
  allowed.add('GET', page.path)
}

async function answerPage(exchange: Exchange, page: Page, request: PageRequest): Promise<void> {
  const refusal = page.evenWhenBusy === true ? null : (exchange.refusalAtTheDoor() ?? exchange.takePlace())
  if (refusal !== null) return exchange.refuse(refusal)
  try {
    exchange.send(...(await page.answer(request)))
  } catch (error) {
    exchange.refuse(error)
  }
}

function refuseMethods(app: FastifyInstance, context: ServerContext, label: Label, path: string, allowed: readonly string[]): void {
  const allow = allowed.join(', ')
  app.route({
    method: METHODS.filter((method) => !allowed.includes(method)),
    url: path,
    handler: (request, reply) => {
      const fault = httpFaults['method-not-allowed'](`This address serves ${allow}.`)
      new Exchange(context, label, request.raw, reply.raw).refuse(fault, ['allow', allow])
    },
  })
}

function queryOf({ url = '' }: IncomingMessage): string {
  const mark = url.indexOf('?')
  return mark === -1 ? '' : url.slice(mark + 1)
}
