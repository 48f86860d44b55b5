/**
 * What a room's own tests stand on: a real database, a real keyring, the real audit recorder; no HTTP and no product room
 * above the audit log. Operations run as `core/http` runs them: decided, recorded, and decided again on a conflict.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { Fault } from '#core/base/fault'
import { createClock, type Clock } from '#core/base/clock'
import { newId, type Random } from '#core/base/id'
import { createInlineKeyProcess } from '#core/crypto/key-process/client'
import { unsafeSeededRandom } from '#core/crypto/random'
import type { AnyOperation, Call, Caller, Decision } from '#core/http/operation'
import { compileTest } from '#core/http/validation'
import { createKeyring, keyringMigration, rowMacKey, type Keyring } from '#core/keyring/keyring'
import { CommitConflict, emptyCommit } from '#core/storage/commit'
import { openPostgres } from '#core/storage/postgres/open-postgres'
import { createRowGuard, type RowGuard } from '#core/storage/row-guard'
import { openSqlite } from '#core/storage/sqlite/open-sqlite'
import type { Migration, Storage } from '#core/storage/storage'
import { createRecorder, createSectionSealer, createSubjects, type Recorder, type SectionSealer, type Subjects } from '#cap/audit'
import type { TSchema } from 'typebox'

export interface Foundations {
  readonly storage: Storage
  readonly keyring: Keyring
  readonly guard: RowGuard
  readonly subjects: Subjects
  readonly sections: SectionSealer
  readonly recorder: Recorder
  readonly clock: Clock
  readonly random: Random
  /** Moves the clock on. */
  readonly pass: (ms: number) => void
  readonly close: () => Promise<void>
}

export interface FoundationOptions {
  readonly migrations: readonly Migration[]
  /** Of a database on disk; in memory without. */
  readonly path?: string
  readonly inline?: boolean
  /** Of a PostgreSQL database, instead. */
  readonly connectionString?: string
  readonly seed?: string
  readonly startMs?: number
}

export const testStartMs = Date.parse('2026-11-23T12:00Z')

export async function openFoundations(options: FoundationOptions): Promise<Foundations> {
  const random = unsafeSeededRandom(options.seed ?? 'foundations')
  let wallMs = options.startMs ?? testStartMs
  const common = { migrations: [keyringMigration, ...options.migrations], wallMs: () => wallMs }
  const storage = options.connectionString === undefined
    ? await openSqlite({ ...common, path: options.path ?? ':memory:', inline: options.inline ?? true })
    : await openPostgres({ ...common, connectionString: options.connectionString, poolSize: 4 })
  const keyProcess = createInlineKeyProcess(Buffer.alloc(32, 7), random)
  const keyring = createKeyring(storage, keyProcess)
  if (!(await keyring.has(rowMacKey))) {
    const draft = keyring.draft()
    await draft.create(rowMacKey)
    await storage.commit({ ...emptyCommit, writes: draft.writes })
  }
  const macKey = await keyring.exportKey(rowMacKey)
  assert.ok(macKey !== null)
  const guard = createRowGuard(macKey, random)
  const subjects = createSubjects(keyring)
  const clock = createClock(() => wallMs, storage.highestTimeMs())
  return {
    storage, keyring, guard, subjects, clock, random,
    sections: createSectionSealer(subjects, random),
    recorder: createRecorder({ storage, guard, keyring, subjects, clock, random }),
    pass: (ms) => void (wallMs += ms),
    async close() {
      await storage.close()
      await keyProcess.close()
    },
  }
}

/** What a handler takes and answers, as its operation declares it. */
type Handles = (input: never, call: Call, services: never) => unknown
type GivenTo<Handler extends Handles> = Partial<Parameters<Handler>[0]>

export interface CallOptions {
  readonly caller: Caller
  readonly ifMatch?: number
}

function callOf({ storage, clock, random }: Foundations, { caller, ifMatch }: CallOptions): Call {
  return {
    caller, ifMatch: ifMatch ?? null, requestId: newId('req', random), clientIp: '192.0.2.1', userAgent: 'tests',
    atMs: clock.now(), clock, random, storage,
  }
}

const inputOf = (given: object): never => ({ params: {}, query: {}, body: {}, ...given }) as never

export async function read<Op extends AnyOperation & { readonly handle: Handles }>(
  foundations: Foundations, services: Parameters<Op['handle']>[2], operation: Op, options: CallOptions, given: GivenTo<Op['handle']>,
): Promise<Awaited<ReturnType<Op['handle']>>> {
  requirePermission(operation, options.caller)
  requireValid(operation, given)
  return declaring(operation, async () => answered(operation, await operation.handle(inputOf(given), callOf(foundations, options), services as never)) as never)
}

export async function write<Op extends AnyOperation & { readonly decide: Handles; readonly effect: 'write' }>(
  foundations: Foundations, services: Parameters<Op['decide']>[2], operation: Op, options: CallOptions, given: GivenTo<Op['decide']>,
): Promise<Awaited<ReturnType<Op['decide']>> extends Decision<infer Output> ? Output : never> {
  requirePermission(operation, options.caller)
  requireValid(operation, given)
  return declaring(operation, async () => {
    for (let attempt = 1; ; attempt++) {
      const call = callOf(foundations, options)
      const decision = (await operation.decide(inputOf(given), call, services as never)) as Decision<unknown>
      try {
        await foundations.recorder.record({
          operation: operation.id, event: operation.event, takesAway: operation.takesAway, caller: call.caller, atMs: call.atMs, decision,
          entryId: newId('ent', foundations.random), extraWrites: [], requestId: call.requestId, clientIp: call.clientIp, userAgent: call.userAgent,
        })
        return answered(operation, decision.output) as never
      } catch (error) {
        if (!(error instanceof CommitConflict)) throw error
        if (error.kind === 'unique') throw operation.unique?.[error.constraint]?.() ?? error
        if (attempt === 5) throw error
      }
    }
  })
}

function requirePermission({ id, permission }: AnyOperation, { permissions }: Caller): void {
  assert.ok(permissions.has(permission), `the test's caller may call ${id}`)
}

const checks = new Map<object, (value: unknown) => boolean>()

function fits(schema: TSchema, value: unknown): boolean {
  let check = checks.get(schema)
  if (check === undefined) checks.set(schema, (check = compileTest(schema)))
  return check(value)
}

/** What the pipeline would refuse before the operation sees it. */
function requireValid({ id, input }: AnyOperation, given: object): void {
  for (const [part, schema] of Object.entries(input as Readonly<Record<string, TSchema>>)) {
    const value = (given as Readonly<Record<string, unknown>>)[part] ?? {}
    assert.ok(fits(schema, value), `${id} takes this ${part}: ${JSON.stringify(value)}`)
  }
}

/** Invariant H7, as the pipeline asserts it. */
function answered<Output>({ id, output: schema }: AnyOperation, output: Output): Output {
  assert.ok(fits(schema, output), `${id} answers what it declares: ${JSON.stringify(output)}`)
  return output
}

const common = /^(core|storage|crypto|keyring)\//
const commonOfHttp = /^http\/(?!invalid-cursor$|precondition-failed$)/

/** A fault that an operation does not declare fails the test that met it. */
async function declaring<Result>({ id, faults }: AnyOperation, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof Fault && !common.test(error.code) && !commonOfHttp.test(error.code)) {
      assert.ok(faults.includes(error.code), `${id} declares ${error.code}`)
    }
    throw error
  }
}

/** For `assert.rejects`: a fault with this code. */
export const fault = (code: string) => (error: unknown): boolean => {
  assert.ok(error instanceof Fault, String(error))
  assert.equal(error.code, code)
  return true
}

/** Somebody with the database's file and an editor: not through Claviger. */
export function edit(path: string, sql: string, ...values: (string | number | null | Uint8Array)[]): void {
  const database = new DatabaseSync(path, { timeout: 2_000 })
  try {
    database.prepare(sql).run(...values)
  } finally {
    database.close()
  }
}
