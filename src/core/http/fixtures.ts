/**
 * A small server for the tests of this room: a handful of operations over a database in memory, on a port of its own.
 *
 * @module
 */
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { Type } from 'typebox'
import { createClock } from '#core/base/clock'
import { defineFaults } from '#core/base/fault'
import { asId, newId, type Id } from '#core/base/id'
import { systemRandom } from '#core/crypto/random'
import { openSqlite } from '#core/storage/sqlite/open-sqlite'
import type { Migration, Storage } from '#core/storage/storage'
import { defineTable, type RowBase } from '#core/storage/table'
import { createLogger } from '#core/telemetry/logger'
import { createMetrics, type Metrics } from '#core/telemetry/metrics'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { httpFaults } from './faults.ts'
import { idempotencyMigration } from './idempotency.ts'
import { operationsOf, type AnyMount, type Call, type Caller, type Mount } from './operation.ts'
import { requireVersion } from './perform.ts'
import type { Act, Authenticate } from './ports.ts'
import { exactly, idOf, lineOf, nullable, pageOf, pageQuery, secretString } from './schema.ts'
import { createHttpServer, type HttpServer, type HttpServerOptions } from './server.ts'

interface ThingRow extends RowBase {
  readonly name: string
  readonly size: number | null
}

interface ThingsDatabase {
  readonly things: ThingRow
}

export const thingTable = defineTable<ThingRow>('things', { columns: { name: 'text', size: 'integer' } })

const thingsMigration: Migration = {
  id: 'things/0001-things',
  statements: ({ text, integer }) => [
    `CREATE TABLE things (id ${text} PRIMARY KEY, version ${integer} NOT NULL, name ${text} NOT NULL, size ${integer})`,
    'CREATE UNIQUE INDEX things_name ON things (name)',
  ],
}

export const thingFaults = defineFaults('things', {
  'not-found': { status: 404, title: 'No such thing' },
  'name-taken': { status: 409, title: 'The name is taken' },
  undeclared: { status: 409, title: 'Declared by no operation' },
})

interface MetricsServices {
  readonly metrics: Metrics
}

/** An address outside `/v1`, and an answer that is not JSON. */
const readMetrics = operationsOf<MetricsServices>().read({
  id: 'telemetry.read-metrics', summary: 'Read the metrics', description: 'Of the server.', http: 'GET /metrics',
  permission: 'telemetry:read', existence: 'telemetry:read', roles: ['owner'], criticality: 'none', faults: [],
  input: {}, output: Type.String(), contentType: 'text/plain; version=0.0.4; charset=utf-8',
  handle: (_input, _call, services) => services.metrics.text(),
})

/** What a test may do to the handlers. */
export interface Switches {
  /** Awaited by `things.wait`. */
  gate: Promise<void>
  /** Run by `things.update` after it has read. */
  afterRead: () => Promise<void>
  /** Returned by `things.echo`, thrown when it is an error. */
  echo: unknown
}

const operation = operationsOf<Switches>()
const thingParams = exactly({ thingId: idOf('key') })
const thingOutput = exactly({ thingId: Type.String(), version: Type.Integer(), name: Type.String(), size: nullable(Type.Integer()) })
const present = ({ id, version, name, size }: ThingRow) => ({ thingId: id, version, name, size })
const common = { description: 'For tests.', existence: 'things:read', roles: ['owner'], criticality: 'none' } as const

async function requireThing(call: Call, id: string): Promise<ThingRow> {
  const row = await call.storage.reader<ThingsDatabase>().selectFrom('things').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw thingFaults['not-found']('There is no such thing.')
  return row
}

const createThing = operation.write({
  ...common, id: 'things.create', summary: 'Create a thing', http: 'POST /v1/things', permission: 'things:create', event: 'thing.created', takesAway: false, status: 201,
  faults: ['things/name-taken'],
  input: { body: exactly({ name: lineOf(40, 'Its name.'), size: Type.Optional(Type.Integer({ minimum: 0, maximum: 100 })), kind: Type.Optional(Type.Union([Type.Literal('round'), Type.Literal('flat')])), secret: Type.Optional(secretString({ description: 'A secret.', maxLength: 80 })) }) },
  output: exactly({ ...thingOutput.properties, secret: secretString({ description: 'Shown once.', maxLength: 80 }) }),
  unique: { things_name: () => thingFaults['name-taken']('Another thing has that name.') },
  decide: async ({ body }, call) => {
    const row: ThingRow = { id: newId('key', call.random), version: 1, name: body.name, size: body.size ?? null }
    return { output: { ...present(row), secret: `shown-once-${row.id}` }, target: row.id, facts: {}, writes: [{ kind: 'insert', table: thingTable, row }] }
  },
})

const getThing = operation.read({
  ...common, id: 'things.get', summary: 'Get a thing', http: 'GET /v1/things/{thingId}', permission: 'things:read', faults: ['things/not-found'],
  input: { params: thingParams }, output: thingOutput,
  handle: async ({ params }, call) => present(await requireThing(call, params.thingId)),
})

const listThings = operation.read({
  ...common, id: 'things.list', summary: 'List things', http: 'GET /v1/things', permission: 'things:read', faults: ['http/invalid-cursor'],
  input: { query: exactly({ ...pageQuery, flat: Type.Optional(Type.Boolean()) }) }, output: pageOf(thingOutput),
  handle: async ({ query }, call) => {
    const [after] = query.cursor === undefined ? [''] : decodeCursor('things.list', query.cursor, ['string'])
    const rows = await call.storage.reader<ThingsDatabase>().selectFrom('things').selectAll().where('id', '>', after).orderBy('id').limit((query.limit ?? 50) + 1).execute()
    const items = rows.slice(0, query.limit ?? 50)
    const last = rows.length > items.length ? items.at(-1) : undefined
    return { items: items.map(present), nextCursor: last === undefined ? null : encodeCursor('things.list', [last.id]) }
  },
})

const updateThing = operation.write({
  ...common, id: 'things.update', summary: 'Change a thing', http: 'PATCH /v1/things/{thingId}', permission: 'things:update', event: 'thing.updated', takesAway: false, status: 200,
  faults: ['things/not-found', 'http/precondition-failed'],
  input: { params: thingParams, body: exactly({ size: Type.Integer({ minimum: 0, maximum: 100 }) }) }, output: thingOutput,
  decide: async ({ params, body }, call, { afterRead }) => {
    const before = await requireThing(call, params.thingId)
    requireVersion(call, before)
    await afterRead()
    const row: ThingRow = { ...before, version: before.version + 1, size: body.size }
    return { output: present(row), target: row.id, facts: {}, writes: [{ kind: 'update', table: thingTable, row }] }
  },
})

const deleteThing = operation.write({
  ...common, id: 'things.delete', summary: 'Delete a thing', http: 'DELETE /v1/things/{thingId}', permission: 'things:delete', event: 'thing.deleted', takesAway: true, status: 200,
  faults: ['things/not-found'], input: { params: thingParams }, output: exactly({ deleted: Type.Boolean() }),
  decide: async ({ params }, call) => {
    const { id, version } = await requireThing(call, params.thingId)
    return { output: { deleted: true }, target: id, facts: {}, writes: [{ kind: 'delete', table: thingTable, id, version: version + 1 }] }
  },
})

const takeThing = operation.write({
  ...common, id: 'things.take', summary: 'Take', http: 'POST /v1/things/{thingId}/take', permission: 'things:delete', event: 'thing.taken', takesAway: true, status: 200,
  faults: [], input: { params: thingParams, body: exactly({ reason: lineOf(40, 'Why; `wait` waits for the gate.') }) }, output: exactly({ taken: Type.Boolean() }),
  decide: async ({ params, body }, _call, { gate }) => {
    if (body.reason === 'wait') await gate
    return { output: { taken: true }, target: params.thingId, facts: {}, writes: [] }
  },
})

const waitForThing = operation.read({
  ...common, id: 'things.wait', summary: 'Wait', http: 'GET /v1/things/wait', permission: 'things:read', faults: [], input: {}, output: exactly({ waited: Type.Boolean() }),
  handle: async (_input, _call, { gate }) => {
    await gate
    return { waited: true }
  },
})

const echo = operation.read({
  ...common, id: 'things.echo', summary: 'Answer what the test says', http: 'POST /v1/things/echo', permission: 'things:read', faults: [],
  input: { body: Type.Record(Type.String(), Type.Unknown()) as never }, output: exactly({ valid: Type.Boolean() }),
  handle: (_input, _call, switches) => {
    if (switches.echo instanceof Error) throw switches.echo
    return switches.echo as never
  },
})

const readFile = operation.read({
  ...common, id: 'things.read-file', summary: 'Read a file', http: 'GET /v1/files/{path*}', permission: 'things:read', faults: [],
  input: { params: exactly({ path: Type.String({ maxLength: 100 }) }) }, output: Type.String(), contentType: 'text/plain; charset=utf-8',
  handle: ({ params }, call) => `${params.path} for ${call.clientIp}`,
})

const operations = [createThing, getThing, listThings, updateThing, deleteThing, takeThing, waitForThing, echo, readFile]

const principalId = asId('prn', 'prn_0000000000000000')
const allPermissions = new Set([...operations.map(({ permission }) => permission), 'telemetry:read'])
/** Credentials that the test server knows, and what they may do. */
export const credentials: Readonly<Record<string, ReadonlySet<string>>> = {
  owner: allPermissions,
  reader: new Set(['things:read']),
  creator: new Set(['things:create']),
}

const authenticate: Authenticate = (credential) => {
  const permissions = credential === null ? undefined : credentials[credential.replace('later-', '')]
  if (permissions === undefined) throw httpFaults.unauthenticated('Send a credential.')
  const caller: Caller = { workspaceId: asId('wsp', 'wsp_0000000000000000'), principalId, keyId: asId('key', 'key_0000000000000000'), permissions, expects: [] }
  return credential?.startsWith('later-') === true ? Promise.resolve(caller) : caller
}

export interface TestServer {
  readonly server: HttpServer
  readonly port: number
  readonly storage: Storage
  readonly switches: Switches
  readonly metrics: Metrics
  /** What was recorded, in order. */
  readonly acts: Act[]
  readonly logLines: string[]
  readonly close: () => Promise<void>
}

export async function startServer(options: Partial<HttpServerOptions> & { readonly wallMs?: () => number; readonly mounts?: readonly AnyMount[] } = {}): Promise<TestServer> {
  const storage = await openSqlite({ path: ':memory:', migrations: [thingsMigration, idempotencyMigration] })
  const switches: Switches = { gate: Promise.resolve(), afterRead: () => Promise.resolve(), echo: { valid: true } }
  const acts: Act[] = []
  const logLines: string[] = []
  const record = async (act: Act): Promise<{ entryId: Id<'ent'> }> => {
    const { decision, extraWrites, entryId, atMs, takesAway, caller } = act
    await storage.commit({ atMs, expects: [...caller.expects, ...(decision.expects ?? [])], writes: [...decision.writes, ...extraWrites], appends: [], takesAway })
    acts.push(act)
    return { entryId }
  }
  const metrics = createMetrics()
  const server = await createHttpServer({
    mounts: [{ operations, services: switches }, { operations: [readMetrics], services: { metrics } } satisfies Mount<MetricsServices>],
    ports: { authenticate, record },
    clock: createClock(options.wallMs),
    random: systemRandom,
    storage,
    logger: createLogger({ level: 'debug', secretFields: new Set(['secret']), destination: { write: (line) => void logLines.push(line) } }),
    metrics,
    openapiInfo: { title: 'Things', version: '1.0.0', description: 'A server for **tests**.' },
    errorPages: (code) => (code === 'things/not-found' ? '# things/not-found\n\nThere is no such thing.' : null),
    isReady: () => Promise.resolve({ storage: true }),
    prove: (nonce) => (nonce === 'a-nonce' ? 'its-proof' : null),
    ...options,
  })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  const close = async (): Promise<void> => {
    await server.close()
    await storage.close()
  }
  return { server, port, storage, switches, metrics, acts, logLines, close }
}

export interface TestAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON; `{}` when it is none. */
  readonly json: Readonly<Record<string, unknown>>
}

export interface TestRequest {
  readonly method?: string
  readonly path: string
  /** null: none is sent. */
  readonly credential?: string | null
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON, unless it is text or bytes already. */
  readonly body?: unknown
}

/** One request over real HTTP. */
export function send(port: number, { method, path, credential = 'owner', headers = {}, body }: TestRequest): Promise<TestAnswer> {
  const payload = body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      port, host: '127.0.0.1', path, method: method ?? (body === undefined ? 'GET' : 'POST'), agent: false,
      headers: {
        ...(credential === null ? {} : { authorization: `Bearer ${credential}` }),
        ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
        ...headers,
      },
    })
    request.on('error', reject)
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve(answerOf(response.statusCode ?? 0, response.headers, Buffer.concat(chunks).toString('utf8'))))
    })
    request.end(payload)
  })
}

export function answerOf(status: number, headers: IncomingHttpHeaders, text: string): TestAnswer {
  const isJson = headers['content-type']?.includes('json') === true && text !== ''
  return { status, headers, text, json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {} }
}

/** Sends bytes as they are, and answers all that comes back until the server closes, or resets what it will not read. */
export function sendRaw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let received = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'))
    socket.on('data', (chunk) => (received += chunk.toString('latin1')))
    socket.on('error', () => {})
    socket.on('close', () => resolve(received))
  })
}

/** `201`, or `404 things/not-found`. */
export function outcomeOf({ status, json: { code } }: TestAnswer): string {
  return typeof code === 'string' ? `${status} ${code}` : `${status}`
}

/** The status and the fault code of each answer that `sendRaw` received. */
export const answersIn = (received: string): readonly string[] =>
  [...received.matchAll(/HTTP\/1\.1 (\d{3}) [^]*?(?=HTTP\/1\.1 \d{3} |$)/g)].map(([text, status]) => {
    const code = /"code":"([^"]+)"/.exec(text)?.[1]
    return code === undefined ? `${status}` : `${status} ${code}`
  })

/** Longer than anything here takes on the busiest machine. */
const patienceMs = 60_000

/** Waits until something is so; a test that waits in vain fails when its time is up. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + patienceMs; !(await isSo()); await new Promise((resolve) => setTimeout(resolve, 5))) {
    if (Date.now() > deadline) throw new Error('it did not come about')
  }
}
