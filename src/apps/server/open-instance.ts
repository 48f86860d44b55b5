/**
 * An instance: every room opened and wired to the others. The one place that knows them all; it decides nothing itself.
 *
 * @module
 */
import { toTimestamp, type Clock } from '#core/base/clock'
import type { Random } from '#core/base/id'
import type { KeyProcess } from '#core/crypto/key-process/client'
import { systemRandom } from '#core/crypto/random'
import { purgeIdempotencyKeys } from '#core/http/idempotency'
import type { AnyMount, Mount } from '#core/http/operation'
import type { ErrorPages, Readiness } from '#core/http/pages'
import { createHttpServer, type HttpServer, type HttpServerOptions } from '#core/http/server'
import { startJobs } from '#core/jobs/jobs'
import { createOffload } from '#core/jobs/offload'
import type { Keyring } from '#core/keyring/keyring'
import type { RowGuard } from '#core/storage/row-guard'
import type { Storage } from '#core/storage/storage'
import type { Logger } from '#core/telemetry/logger'
import { createMetrics, type Metrics } from '#core/telemetry/metrics'
import {
  createFinalityCheck, createLogKeys, createLogReader, createPublisher, createRecorder, createSectionSealer, createSubjects, operations as auditOperations, readDetails,
  type AuditServices, type LogProblem, type Publisher,
} from '#cap/audit'
import {
  createPeppers, createUseCutter, createUseRecorder, createVerification, operations as keyOperations,
  type KeysServices, type UseCutter, type UseRecorder, type Verification,
} from '#cap/keys'
import {
  collectAccess, createAuthenticate, createCredentialGrants, firstStart, operations as principalOperations,
  type FirstStart, type PrincipalsServices,
} from '#cap/principals'
import manifest from '../../../package.json' with { type: 'json' }
import { operations } from '../operations.ts'
import { openFoundations, type FoundationOptions, type Foundations } from './foundations.ts'
import { watchInstance } from './watch-instance.ts'

export interface InstanceOptions extends Omit<FoundationOptions, 'random'> {
  /** Puts the first owner's credential where its owner finds it. */
  readonly deliverCredential: (secret: string) => void
  readonly exampleApi: boolean
  readonly logger: Logger
  readonly errorPages: ErrorPages
  /** Proves to other programs of this user which server it is. */
  readonly prove: (nonce: string) => string | null
  readonly http: Pick<HttpServerOptions, 'limits' | 'tls' | 'trustedProxies' | 'unsafePlainHttp'>
  readonly random?: Random
}

export interface Instance {
  readonly storage: Storage
  readonly keyProcess: KeyProcess
  readonly keyring: Keyring
  readonly guard: RowGuard
  readonly clock: Clock
  readonly verification: Verification
  readonly uses: UseRecorder
  readonly useCutter: UseCutter
  readonly publisher: Publisher
  readonly metrics: Metrics
  readonly server: HttpServer
  /** What a first start founded; null on any other. */
  readonly founded: FirstStart | null
  /** Answers what is under way, writes what waits, publishes what is not under a checkpoint yet, and closes all. */
  close(): Promise<void>
}

const cutEveryMs = 1_000
const purgeEveryMs = 60_000
/** Several servers: how often this one hears of times that others committed. */
const clockEveryMs = 200

export async function openInstance(options: InstanceOptions): Promise<Instance> {
  const { logger, random = systemRandom } = options
  try {
    const foundations = await openFoundations({
      ...options, random,
      onClockJump: (believedMs, saysMs) => logger.error(
        { believed: toTimestamp(believedMs), says: toTimestamp(saysMs) },
        'the clock jumped more than a year ahead and is not believed: time goes on from where it was. Set it right; if it is right, start again with `acceptClockAhead: true`',
      ),
    })
    try {
      return await wire(options, foundations)
    } catch (error) {
      await foundations.close()
      throw error
    }
  } catch (error) {
    logger.debug({ err: error }, 'could not open the instance')
    throw error
  }
}

async function wire(options: InstanceOptions, foundations: Foundations): Promise<Instance> {
  const { storage, keyProcess, keyring, guard, clock, random } = foundations
  const { logger } = options
  const metrics = createMetrics()
  const subjects = createSubjects(keyring)
  const offload = createOffload()
  const sections = createSectionSealer(subjects, random, offload)
  const recorder = createRecorder({ storage, guard, keyring, subjects, clock, random })
  const peppers = createPeppers(keyring)
  const uses = createUseRecorder({ storage, clock, random })
  const useCutter = createUseCutter({ storage, recorder, sections, clock, random, offload })
  const verification = createVerification({
    storage, guard, peppers, random,
    onTampered: (keyId) => logger.error({ keyId }, 'the stored row of a key was altered outside Claviger; it verifies nowhere; run `claviger audit verify`'),
  })
  const publisher = createPublisher({
    storage, keyring, clock,
    onProblem: (problem) => logLogProblem(logger, problem),
  })
  const access = collectAccess(operations, [readDetails])
  const credentialGrants = createCredentialGrants({ storage, guard, access })
  const keyServices: KeysServices = { storage, guard, keyring, peppers, verification, uses, sections, credentialGrants }
  const principalServices: PrincipalsServices = { storage, guard, keyring, peppers, access, metrics }
  const logKeys = createLogKeys(keyring)
  const auditServices: AuditServices = { storage, guard, subjects, publisher, reader: createLogReader({ storage, keys: logKeys }), keys: logKeys }
  const mounts: readonly AnyMount[] = [
    { operations: auditOperations, services: auditServices } satisfies Mount<AuditServices>,
    { operations: keyOperations, services: keyServices } satisfies Mount<KeysServices>,
    { operations: principalOperations, services: principalServices } satisfies Mount<PrincipalsServices>,
  ]
  const server = await createHttpServer({
    ...options.http,
    mounts,
    ports: { authenticate: createAuthenticate({ ...principalServices, storage, verification, uses, clock }), record: (act) => recorder.record(act) },
    clock, random, storage, logger, metrics,
    openapiInfo: { title: 'Claviger', version: manifest.version, description },
    errorPages: options.errorPages,
    prove: options.prove,
    isReady: () => readiness(storage, keyProcess, publisher),
  })
  const founded = await firstStart({ storage, keyring, recorder, clock, random }, { deliver: options.deliverCredential, exampleApi: options.exampleApi })
  watchInstance(metrics, { clock, uses, useCutter, verification, publisher, keyProcess })
  void verification.warm().catch((error: unknown) => logger.error({ err: error }, 'the memory of keys could not be filled; they are read from the database'))
  const finality = createFinalityCheck({ storage, guard })
  let isFinalityDue = true
  storage.onForeignWrite(() => (isFinalityDue = true))
  async function checkFinality(): Promise<void> {
    // Where other servers write too nobody announces a foreign write; the pass at the start is all there is.
    if (!isFinalityDue) return
    isFinalityDue = false
    const revived = await finality.run()
    for (const row of revived) logger.error({ row }, 'a row that was revoked has been brought back to life outside Claviger; it is refused; run `claviger audit verify`')
  }
  const jobs = startJobs([
    { name: 'check-finality', everyMs: 500, run: checkFinality },
    { name: 'cut-uses', everyMs: cutEveryMs, run: async () => void (await useCutter.cutAll()) },
    { name: 'purge-idempotency-keys', everyMs: purgeEveryMs, run: async () => void (await purgeIdempotencyKeys(storage, clock.now())) },
    { name: 'follow-time', everyMs: clockEveryMs, run: async () => clock.raiseFloor(storage.highestTimeMs()) },
  ], (job, error) => logger.error({ job, err: error }, 'a job failed; it runs again'))
  publisher.start()

  async function shutDown(): Promise<void> {
    await server.close()
    await jobs.stop()
    verification.stop()
    await settle('uses', () => uses.flush())
    await settle('use blocks', async () => void (await useCutter.cutAll()))
    await settle('checkpoints', () => publisher.stop())
    await offload.close()
    await foundations.close()
  }

  /** What cannot be finished is on disk as far as it got, and goes on at the next start. */
  async function settle(what: string, finish: () => Promise<void>): Promise<void> {
    try {
      await finish()
    } catch (error) {
      logger.warn({ what, err: error }, 'not finished at shutdown; the next start goes on')
    }
  }

  let closed: Promise<void> | null = null
  return {
    storage, keyProcess, keyring, guard, clock, verification, uses, useCutter, publisher, metrics, server, founded,
    close: () => (closed ??= shutDown()),
  }
}

const description = `Claviger keeps the keys of crypto API services: issue, verify, revoke, prove.

A credential is a key of the built-in API \`claviger\`, verified by the same code as every customer's key.`

function logLogProblem(logger: Logger, problem: LogProblem): void {
  const { kind, workspaceId } = problem
  if (problem.kind === 'refused') logger.error({ workspaceId, reason: problem.reason }, 'an audit log disagrees with what was signed, and is not signed any further; run `claviger audit verify`')
  else if (problem.kind === 'delayed') logger.warn({ workspaceId, err: problem.error }, 'an audit log could not be published; it is tried again')
  else logger.info({ workspaceId, kind }, 'an audit log is published again')
}

async function readiness(storage: Storage, keyProcess: KeyProcess, publisher: Publisher): Promise<Readiness> {
  const works = async (probe: Promise<void>): Promise<boolean> => probe.then(() => true, () => false)
  const [database, keys] = await Promise.all([works(storage.probe()), works(keyProcess.ping())])
  return { database, keyProcess: keys, auditLog: publisher.problems.size === 0 }
}
