/**
 * An instance: every room opened and wired to the others. The one place that knows them all; it decides nothing itself.
 *
 * @module
 */
import { createClock, type Clock } from '#core/base/clock'
import type { Random } from '#core/base/id'
import type { KeyProcess } from '#core/crypto/key-process/client'
import { systemRandom } from '#core/crypto/random'
import { idempotencyMigration, purgeIdempotencyKeys } from '#core/http/idempotency'
import type { AnyMount, Mount } from '#core/http/operation'
import type { ErrorPages, Readiness } from '#core/http/pages'
import { metricsMount } from '#core/http/read-metrics'
import { createHttpServer, type HttpServer, type HttpServerOptions } from '#core/http/server'
import { startJobs } from '#core/jobs/jobs'
import { createOffload } from '#core/jobs/offload'
import { createKeyring, keyringMigration, rowMacKey, type Keyring } from '#core/keyring/keyring'
import { openPostgres } from '#core/storage/postgres/open-postgres'
import { CommitConflict, emptyCommit } from '#core/storage/commit'
import { createRowCache } from '#core/storage/row-cache'
import { createRowGuard, type RowGuard } from '#core/storage/row-guard'
import { openSqlite } from '#core/storage/sqlite/open-sqlite'
import type { Migration, Storage } from '#core/storage/storage'
import type { Logger } from '#core/telemetry/logger'
import { createMetrics, type Metrics } from '#core/telemetry/metrics'
import {
  auditMigration, createFinalityCheck, createLogKeys, createLogReader, createPublisher, createRecorder, createSectionSealer, createSubjects, operations as auditOperations, readDetails,
  type AuditServices, type LogProblem, type Publisher,
} from '#cap/audit'
import {
  createPeppers, createUseCutter, createUseRecorder, createVerification, keysMigration, operations as keyOperations,
  type KeysServices, type UseCutter, type UseRecorder, type Verification,
} from '#cap/keys'
import {
  collectAccess, createAuthenticate, createCredentialGrants, firstStart, operations as principalOperations, principalsMigration,
  type FirstStart, type PrincipalsServices,
} from '#cap/principals'
import manifest from '../../../package.json' with { type: 'json' }
import { operations } from '../operations.ts'
import { ClockAheadError, isFarAhead } from './clock-ahead.ts'
import { watchInstance } from './watch-instance.ts'

export const migrations: readonly Migration[] = [keyringMigration, idempotencyMigration, auditMigration, keysMigration, principalsMigration]

export interface InstanceOptions {
  readonly database: { readonly engine: 'sqlite'; readonly path: string } | { readonly engine: 'postgres'; readonly connectionString: string; readonly poolSize: number }
  /** @param fresh nothing was ever encrypted in this database, so a missing root key may be made */
  readonly openKeyProcess: (fresh: boolean) => Promise<KeyProcess>
  /** Puts the first owner's credential where its owner finds it. */
  readonly deliverCredential: (secret: string) => void
  readonly exampleApi: boolean
  /** Whether a clock far beyond the last time that was committed is right; false: it is refused. */
  readonly acceptClockAhead?: boolean
  readonly logger: Logger
  readonly errorPages: ErrorPages
  readonly http: Pick<HttpServerOptions, 'limits' | 'tls' | 'trustedProxies' | 'unsafePlainHttp'>
  readonly random?: Random
  readonly wallMs?: () => number
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
  const opened: (() => Promise<void>)[] = []
  const closeAll = async (): Promise<void> => {
    for (const close of opened.reverse()) await close()
  }
  try {
    const storage = await openStorage(options)
    opened.push(() => storage.close())
    requireCredibleClock(options, storage.highestTimeMs())
    const keyProcess = await options.openKeyProcess(!(await hasKeys(storage)))
    opened.push(() => keyProcess.close())
    const keyring = createKeyring(storage, keyProcess)
    const guard = createRowGuard(await rowMac(storage, keyring), random, createRowCache(storage))
    return await wire(options, { storage, keyProcess, keyring, guard, random, closeAll })
  } catch (error) {
    logger.debug({ err: error }, 'could not open the instance')
    await closeAll()
    throw error
  }
}

interface Foundations {
  readonly storage: Storage
  readonly keyProcess: KeyProcess
  readonly keyring: Keyring
  readonly guard: RowGuard
  readonly random: Random
  readonly closeAll: () => Promise<void>
}

async function wire(options: InstanceOptions, foundations: Foundations): Promise<Instance> {
  const { storage, keyProcess, keyring, guard, random, closeAll } = foundations
  const { logger, wallMs } = options
  const clock = createClock(wallMs, storage.highestTimeMs())
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
  const principalServices: PrincipalsServices = { storage, guard, keyring, peppers, access }
  const logKeys = createLogKeys(keyring)
  const auditServices: AuditServices = { storage, subjects, publisher, reader: createLogReader({ storage, keys: logKeys }), keys: logKeys }
  const mounts: readonly AnyMount[] = [
    { operations: auditOperations, services: auditServices } satisfies Mount<AuditServices>,
    { operations: keyOperations, services: keyServices } satisfies Mount<KeysServices>,
    { operations: principalOperations, services: principalServices } satisfies Mount<PrincipalsServices>,
    metricsMount(metrics),
  ]
  const server = await createHttpServer({
    ...options.http,
    mounts,
    ports: { authenticate: createAuthenticate({ ...principalServices, verification, uses, clock }), record: (act) => recorder.record(act) },
    clock, random, storage, logger, metrics,
    openapiInfo: { title: 'Claviger', version: manifest.version, description },
    errorPages: options.errorPages,
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
    await closeAll()
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

function openStorage({ database, wallMs }: InstanceOptions): Promise<Storage> {
  const common = { migrations, ...(wallMs === undefined ? {} : { wallMs }) }
  return database.engine === 'sqlite' ? openSqlite({ ...common, path: database.path }) : openPostgres({ ...common, ...database })
}

/** Before anything is committed. @throws ClockAheadError */
function requireCredibleClock({ acceptClockAhead = false, wallMs = Date.now }: InstanceOptions, highestMs: number): void {
  const nowMs = wallMs()
  if (!acceptClockAhead && isFarAhead(highestMs, nowMs)) throw new ClockAheadError(highestMs, nowMs)
}

interface KeyringDatabase {
  readonly keyring: { readonly id: string }
}

const hasKeys = async (storage: Storage): Promise<boolean> =>
  (await storage.reader<KeyringDatabase>().selectFrom('keyring').select('id').limit(1).executeTakeFirst()) !== undefined

/** The key that guards rows: made by whichever server comes first. */
async function rowMac(storage: Storage, keyring: Keyring): Promise<Buffer> {
  if (!(await keyring.has(rowMacKey))) {
    const draft = keyring.draft()
    await draft.create(rowMacKey)
    try {
      await storage.commit({ ...emptyCommit, writes: draft.writes })
    } catch (error) {
      if (!(error instanceof CommitConflict)) throw error
    }
  }
  const key = await keyring.exportKey(rowMacKey)
  if (key === null) throw new Error('the key that guards rows is gone again')
  return key
}

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
