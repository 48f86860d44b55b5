/**
 * A small server for operations that are broken on purpose: real HTTP, storage, recorder; only who calls is a table.
 *
 * @module
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRecorder, createSubjects } from '#cap/audit'
import { createClock } from '#core/base/clock'
import { asId, newId } from '#core/base/id'
import { createInlineKeyProcess } from '#core/crypto/key-process/client'
import { systemRandom } from '#core/crypto/random'
import { httpFaults } from '#core/http/faults'
import { idempotencyMigration } from '#core/http/idempotency'
import type { AnyOperation, Caller } from '#core/http/operation'
import type { Ports } from '#core/http/ports'
import { createHttpServer } from '#core/http/server'
import { createKeyring, keyringMigration } from '#core/keyring/keyring'
import { createRowGuard } from '#core/storage/row-guard'
import { openSqlite } from '#core/storage/sqlite/open-sqlite'
import { createLogger } from '#core/telemetry/logger'
import { createMetrics } from '#core/telemetry/metrics'
import { breakSqlite } from './break-sqlite.ts'
import { boxMigration, goodOperations, type BoxServices } from './planted-operations.ts'
import { createJournal, type Recipes, type Subject, type Tenant } from './subject.ts'

export interface Planting {
  /** Mounted in place of the good operations with the same ids; the laws still go by the good declarations. */
  readonly mounted?: readonly AnyOperation[]
  /** Declared and mounted. */
  readonly declared?: readonly AnyOperation[]
  readonly recipes?: Partial<Recipes>
  /** Takes a credential that was cut short. */
  readonly credulous?: boolean
  /** Wraps the port that records writes. */
  readonly recording?: (record: Ports['record']) => Ports['record']
}

const recipes: Recipes = {
  file: 'tests/laws/planted-server.ts',
  targets: { con: async (kit) => String((await kit.perform('boxes.create'))['boxId'] as string) },
  fields: { name: (number) => `Box ${number}` },
  operations: {},
}

export async function openPlanted(planting: Planting): Promise<Subject & { close(): Promise<void> }> {
  const declared = replaced(goodOperations, planting.declared ?? [])
  const folder = mkdtempSync(join(tmpdir(), 'claviger-laws-'))
  const file = join(folder, 'laws.db')
  const logLines: string[] = []
  const random = systemRandom
  const storage = await openSqlite({ path: file, migrations: [keyringMigration, idempotencyMigration, boxMigration] })
  const keyProcess = createInlineKeyProcess(Buffer.alloc(32, 1), random)
  const keyring = createKeyring(storage, keyProcess)
  const guard = createRowGuard(Buffer.alloc(32, 2), random)
  const clock = createClock()
  const recorder = createRecorder({ storage, guard, keyring, subjects: createSubjects(keyring), clock, random })
  const record: Ports['record'] = (act) => recorder.record(act)
  const people = createPeople(declared, planting.credulous ?? false)
  const services: BoxServices = { guard, unsafeStorage: storage }
  const metrics = createMetrics()
  const server = await createHttpServer({
    mounts: [{ operations: replaced(declared, planting.mounted ?? []), services }],
    ports: { authenticate: people.authenticate, record: planting.recording?.(record) ?? record },
    clock, random, storage, metrics,
    logger: createLogger({ level: 'debug', secretFields: new Set(['secret']), destination: { write: (line) => void logLines.push(line) } }),
    openapiInfo: { title: 'Boxes', version: '1.0.0', description: 'For the laws.' },
    errorPages: () => null,
    isReady: () => Promise.resolve({ storage: true }),
    prove: () => null,
    limits: { refusedCredentialsMax: 1_000_000 },
  })
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 })
  return {
    url, storage, operations: declared, home: people.home, other: people.other,
    reachesAcross: () => false,
    recipes: { ...recipes, ...planting.recipes },
    journal: createJournal(),
    credentialWith: (permissions) => Promise.resolve(people.credentialWith(permissions)),
    badCredentials: () => Promise.resolve([
      { what: 'no credential', authorization: null },
      { what: 'garbage', authorization: 'Bearer garbage' },
      { what: 'a truncated credential', authorization: `Bearer ${people.home.owner.slice(0, -1)}` },
    ]),
    breakCommits: () => breakSqlite(file),
    traces: () => Promise.resolve([
      { where: 'a log line', bytes: Buffer.from(logLines.join('\n'), 'utf8') },
      ...readdirSync(folder).map((name) => ({ where: name, bytes: readFileSync(join(folder, name)) })),
    ]),
    async close() {
      await server.close()
      await storage.close()
      await keyProcess.close()
      rmSync(folder, { recursive: true })
    },
  }
}

const replaced = (operations: readonly AnyOperation[], by: readonly AnyOperation[]): readonly AnyOperation[] => [
  ...operations.map((operation) => by.find(({ id }) => id === operation.id) ?? operation),
  ...by.filter(({ id }) => !operations.some((operation) => operation.id === id)),
]

/** Two workspaces with an owner each, and credentials as the laws want them. */
function createPeople(operations: readonly AnyOperation[], credulous: boolean) {
  const callers = new Map<string, Caller>()
  const all = operations.flatMap(({ permission, existence }) => [permission, existence])
  const add = (workspaceId: Caller['workspaceId'], permissions: readonly string[]): string => {
    const credential = `law-credential-${systemRandom.base62(60)}`
    callers.set(credential, { workspaceId, principalId: newId('prn', systemRandom), keyId: newId('key', systemRandom), permissions: new Set(permissions), expects: [] })
    return credential
  }
  const tenant = (): Tenant => {
    const workspaceId = newId('wsp', systemRandom)
    return { workspaceId, owner: add(workspaceId, all) }
  }
  const [home, other] = [tenant(), tenant()]
  const authenticate: Ports['authenticate'] = (credential) => {
    const known = [...callers].find(([name]) => name === credential || (credulous && credential !== null && name.startsWith(credential)))
    if (known === undefined) throw httpFaults.unauthenticated('Send a credential.')
    return known[1]
  }
  return { home, other, authenticate, credentialWith: (permissions: readonly string[]) => add(asId('wsp', home.workspaceId), permissions) }
}
