/**
 * A running server for tests: the real composition on a port of its own, over a database of its own.
 *
 * @module
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request as httpRequest, type Agent, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInlineKeyProcess, startKeyProcess } from '#core/crypto/key-process/client'
import { systemRandom } from '#core/crypto/random'
import type { Limits } from '#core/http/limits'
import { createLogger } from '#core/telemetry/logger'
import { createServerProof } from '../../src/apps/own-server.ts'
import { credentialFileOf, writeCredential } from '../../src/apps/server/data-directory.ts'
import { createErrorPages } from '../../src/apps/server/error-pages.ts'
import { openInstance, type Instance } from '../../src/apps/server/open-instance.ts'
import { keyProcessProgram } from '../../src/apps/key-process/program.ts'

export interface TestInstanceOptions {
  /** A PostgreSQL database; absent: SQLite in the data directory. */
  readonly databaseUrl?: string
  /** `child`: the real process. `inline` (the default) starts faster and holds the keys in the test itself. */
  readonly keyProcess?: 'inline' | 'child'
  readonly wallMs?: () => number
  readonly limits?: Partial<Limits>
  /** Goes on with what an earlier instance left; it is not removed at the end. */
  readonly dataDirectory?: string
  /** An API `demo` with an environment to try things on. */
  readonly exampleApi?: boolean
}

export interface TestInstance {
  readonly url: string
  readonly port: number
  readonly ownerSecret: string
  readonly workspaceId: string
  readonly dataDirectory: string
  readonly instance: Instance
  readonly logLines: readonly string[]
  /** Stops, and removes the data directory unless it was given. */
  close(): Promise<void>
}

/** The inline key process of all test instances; a data directory that is used again finds the same root key. */
const testRootKey = Buffer.alloc(32, 0x5a)

export async function startTestInstance(options: TestInstanceOptions = {}): Promise<TestInstance> {
  const dataDirectory = options.dataDirectory ?? mkdtempSync(join(tmpdir(), 'claviger-'))
  const credentialFile = credentialFileOf(dataDirectory)
  const proof = createServerProof(dataDirectory)
  const logLines: string[] = []
  const instance = await openInstance({
    database: options.databaseUrl === undefined
      ? { engine: 'sqlite', path: join(dataDirectory, 'claviger.db') }
      : { engine: 'postgres', connectionString: options.databaseUrl, poolSize: 5 },
    openKeyProcess: (fresh) => options.keyProcess === 'child'
      ? startKeyProcess({ program: keyProcessProgram, rootKeyFile: join(dataDirectory, 'root.key'), createIfMissing: fresh, onEvent() {} })
      : Promise.resolve(createInlineKeyProcess(testRootKey, systemRandom)),
    deliverCredential: (secret) => writeCredential(credentialFile, secret),
    exampleApi: options.exampleApi ?? false,
    logger: createLogger({ level: 'debug', secretFields: new Set(['secret', 'key']), destination: { write: (line) => void logLines.push(line) } }),
    errorPages: createErrorPages(),
    prove: proof.prove,
    http: { limits: options.limits ?? {} },
    ...(options.wallMs === undefined ? {} : { wallMs: options.wallMs }),
  })
  const listening = await instance.server.listen({ host: '127.0.0.1', port: 0 })
  proof.announce(listening)
  const { url, port } = listening
  const ownerSecret = readFileSync(credentialFile, 'utf8').trim()
  const self = await send({ url }, 'GET', '/v1/self', undefined, { credential: ownerSecret })
  return {
    url, port, ownerSecret, dataDirectory, instance, logLines,
    workspaceId: String(self.json['workspaceId']),
    async close() {
      proof.withdraw()
      await instance.close()
      if (options.dataDirectory === undefined) rmSync(dataDirectory, { recursive: true, force: true })
    },
  }
}

export interface CallOptions {
  /** The owner's when absent; null: none is sent. */
  readonly credential?: string | null
  readonly headers?: Readonly<Record<string, string>>
  /** Of connections that are used again; each call has its own when absent. */
  readonly agent?: Agent
}

export interface CallAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly bytes: Buffer
  /** The body as JSON; `{}` when it is none. */
  readonly json: Readonly<Record<string, unknown>>
}

/** One request over real HTTP. */
export const call = (instance: Pick<TestInstance, 'url' | 'ownerSecret'>, method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<CallAnswer> =>
  send(instance, method, path, body, { ...options, credential: options.credential === undefined ? instance.ownerSecret : options.credential })

function send({ url }: { readonly url: string }, method: string, path: string, body: unknown, { credential = null, headers = {}, agent }: CallOptions): Promise<CallAnswer> {
  const payload = body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    // Not as one URL, which would tidy up a path that a test spells badly on purpose.
    const request = httpRequest(url, {
      path, method, agent: agent ?? false,
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
      response.on('end', () => resolve(answerOf(response.statusCode ?? 0, response.headers, Buffer.concat(chunks))))
    })
    request.end(payload)
  })
}

function answerOf(status: number, headers: IncomingHttpHeaders, bytes: Buffer): CallAnswer {
  const text = bytes.toString('utf8')
  const isJson = headers['content-type']?.includes('json') === true && text !== ''
  return { status, headers, text, bytes, json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {} }
}
