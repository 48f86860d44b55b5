/**
 * One life of one server: the real rooms as `src/apps/server/open-instance.ts` wires them, over a simulated connection
 * to the database and to the key process, and with the pipeline of `core/http` from a request to its answer. It has no
 * socket; its timers are virtual; it ends by being forgotten.
 *
 * @module
 */
import { createClock, type Clock } from '#core/base/clock'
import { newId, type Random } from '#core/base/id'
import type { KeyProcess } from '#core/crypto/key-process/client'
import { createCredentialThrottle } from '#core/http/credential-throttle'
import { Exchange, type Label } from '#core/http/exchange'
import { createFailureLog } from '#core/http/failure-log'
import { purgeIdempotencyKeys } from '#core/http/idempotency'
import { defaultLimits } from '#core/http/limits'
import type { AnyMount, Mount } from '#core/http/operation'
import { serve } from '#core/http/pipeline'
import type { ServerContext } from '#core/http/context'
import { routesOf, type Route } from '#core/http/route'
import { startJobs } from '#core/jobs/jobs'
import { createKeyring, rowMacKey } from '#core/keyring/keyring'
import { emptyCommit } from '#core/storage/commit'
import { createRowCache } from '#core/storage/row-cache'
import { createRowGuard, type RowGuard } from '#core/storage/row-guard'
import type { Storage } from '#core/storage/storage'
import type { Logger } from '#core/telemetry/logger'
import { createMetrics } from '#core/telemetry/metrics'
import {
  createLogKeys, createLogReader, createPublisher, createRecorder, createSectionSealer, createSubjects, operations as auditOperations, readDetails,
  type AuditServices, type LogKeys, type Publisher, type SectionSealer,
} from '#cap/audit'
import {
  createPeppers, createUseCutter, createUseRecorder, createVerification, operations as keyOperations, type KeysServices, type UseCutter, type UseRecorder,
  type Verification,
} from '#cap/keys'
import {
  collectAccess, createAuthenticate, createCredentialGrants, firstStart, operations as principalOperations, type PrincipalsServices,
} from '#cap/principals'
import { operations } from '../../src/apps/operations.ts'
import { localExchange, type Reply } from './local-exchange.ts'

export interface ServerOptions {
  readonly storage: Storage
  readonly keyProcess: KeyProcess
  readonly random: Random
  readonly wallMs: () => number
  readonly deliverCredential: (secret: string) => void
  /** Told of what must never be: an error that is no fault, a fault that was not declared, a log that disagrees. */
  readonly onDefect: (what: string, cause: unknown) => void
}

export interface Request {
  readonly operation: string
  readonly credential: string
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string>>
  readonly body?: object
  readonly idempotencyKey?: string | null
  readonly ifMatch?: number | null
}

export interface Server {
  readonly clock: Clock
  readonly guard: RowGuard
  readonly verification: Verification
  readonly uses: UseRecorder
  readonly useCutter: UseCutter
  readonly publisher: Publisher
  readonly sections: SectionSealer
  readonly logKeys: LogKeys
  /** Resolves with the answer, or never, when the server crashes meanwhile. */
  send(request: Request): Promise<Reply>
}

const cutEveryMs = 1_000
const purgeEveryMs = 60_000
const clockEveryMs = 200
const clientIp = '203.0.113.7'

export async function openServer(options: ServerOptions): Promise<Server> {
  const { storage, keyProcess, random, wallMs, onDefect } = options
  const keyring = createKeyring(storage, keyProcess)
  if (!(await keyring.has(rowMacKey))) {
    const draft = keyring.draft()
    await draft.create(rowMacKey)
    await storage.commit({ ...emptyCommit, writes: draft.writes })
  }
  const macKey = await keyring.exportKey(rowMacKey)
  if (macKey === null) throw new Error('the key that guards rows is gone')
  const guard = createRowGuard(macKey, random, createRowCache(storage))
  const clock = createClock(wallMs, storage.highestTimeMs())
  const subjects = createSubjects(keyring)
  const sections = createSectionSealer(subjects, random)
  const recorder = createRecorder({ storage, guard, keyring, subjects, clock, random })
  const peppers = createPeppers(keyring)
  const uses = createUseRecorder({ storage, clock, random })
  const useCutter = createUseCutter({ storage, recorder, sections, clock, random })
  const verification = createVerification({ storage, guard, peppers, random })
  const publisher = createPublisher({
    storage, keyring, clock,
    onProblem: (problem) => {
      if (problem.kind === 'refused') onDefect(`the log of ${problem.workspaceId} is not signed for`, problem.reason)
    },
  })
  const access = collectAccess(operations, [readDetails])
  const keyServices: KeysServices = {
    storage, guard, keyring, peppers, verification, uses, sections, credentialGrants: createCredentialGrants({ storage, guard, access }),
  }
  const principalServices: PrincipalsServices = { storage, guard, keyring, peppers, access, metrics: createMetrics() }
  const logKeys = createLogKeys(keyring)
  const auditServices: AuditServices = { storage, guard, subjects, publisher, reader: createLogReader({ storage, keys: logKeys }), keys: logKeys }
  const mounts = [
    { operations: auditOperations, services: auditServices } satisfies Mount<AuditServices>,
    { operations: keyOperations, services: keyServices } satisfies Mount<KeysServices>,
    { operations: principalOperations, services: principalServices } satisfies Mount<PrincipalsServices>,
  ]
  const authenticate = createAuthenticate({ ...principalServices, storage, verification, uses, clock })
  const context = contextOf(options, clock, { authenticate, record: (act) => recorder.record(act) })

  await firstStart({ storage, keyring, recorder, clock, random }, { deliver: options.deliverCredential, exampleApi: false })
  void verification.warm()
  startJobs([
    { name: 'cut-uses', everyMs: cutEveryMs, run: async () => void (await useCutter.cutAll()) },
    { name: 'purge-idempotency-keys', everyMs: purgeEveryMs, run: async () => void (await purgeIdempotencyKeys(storage, clock.now())) },
    { name: 'follow-time', everyMs: clockEveryMs, run: async () => clock.raiseFloor(storage.highestTimeMs()) },
  ], (job, error) => requireFault(onDefect, `the job ${job}`, error))
  publisher.start()
  const routes = routesOver(mounts)
  return {
    clock, guard, verification, uses, useCutter, publisher, sections, logKeys,
    send: (request) => new Promise((resolve) => send(context, routes, request, resolve)),
  }
}

/** Compiling the schemas of all operations takes longer than a short run; they are the same in every life. */
const compiled = new Map<string, Route>()

function routesOver(mounts: readonly AnyMount[]): ReadonlyMap<string, Route> {
  if (compiled.size === 0) {
    for (const route of routesOf(mounts, () => ({ record() {} }), defaultLimits.queryParamsMax)) compiled.set(route.operation.id, route)
  }
  const servicesOf = new Map<string, unknown>(mounts.flatMap((mount) => mount.operations.map(({ id }) => [id, mount.services])))
  return new Map([...compiled].map(([id, route]) => [id, { ...route, services: servicesOf.get(id) as never }]))
}

/** What is broken may be said so; anything else that a job meets is a mistake of ours. */
function requireFault(onDefect: ServerOptions['onDefect'], where: string, error: unknown): void {
  if (!(error instanceof Error && /^(Fault|CommitConflict)$/.test(error.name))) onDefect(where, error)
}

function contextOf({ storage, random, onDefect }: ServerOptions, clock: Clock, ports: ServerContext['ports']): ServerContext {
  const limits = defaultLimits
  const logger: Logger = {
    // Of faults with a status of 5xx the pipeline tells too; they are the answer's business, not ours.
    error: (fields, message) => {
      const { err, code } = fields as { err?: unknown; code?: string }
      if (err === undefined || !(err instanceof Error && err.name === 'Fault')) onDefect(`${message}: ${code ?? ''}`, err)
    },
    warn() {}, info() {}, debug() {},
    isLevelEnabled: () => false,
  }
  return {
    ports, limits, logger, failures: createFailureLog(logger), clock, random, storage,
    newRequestId: () => newId('req', random),
    clientAddressOf: () => clientIp,
    credentialThrottle: createCredentialThrottle(limits.refusedCredentialsMax, limits.refusedCredentialsPerS),
    strictTransport: false,
    inFlight: 0, arriving: 0,
    open: 0,
    whenQuiet() {},
    isDraining: false,
  }
}

function send(context: ServerContext, routes: ReadonlyMap<string, Route>, asked: Request, answered: (reply: Reply) => void): void {
  const { params = {}, query = {}, body, credential, idempotencyKey, ifMatch } = asked
  const route = routes.get(asked.operation)
  if (route === undefined) throw new Error(`there is no operation ${asked.operation}`)
  const { method, path, operation, meter } = route
  const address = path.replace('*', ':*').replaceAll(/:([a-zA-Z*]+)/g, (_, name: string) => params[name] ?? '')
  const text = new URLSearchParams(query).toString()
  const label: Label = { name: operation.id, logLevel: 'debug', meter }
  const { request, response } = localExchange({
    method,
    url: text === '' ? address : `${address}?${text}`,
    headers: {
      authorization: `Bearer ${credential}`,
      ...(idempotencyKey === undefined || idempotencyKey === null ? {} : { 'idempotency-key': idempotencyKey }),
      ...(ifMatch === undefined || ifMatch === null ? {} : { 'if-match': `"${ifMatch}"` }),
    },
    body: body === undefined ? null : Buffer.from(JSON.stringify(body), 'utf8'),
  }, answered)
  serve(new Exchange(context, label, request, response), route, { params, query: text })
}
