/**
 * Concurrent writers for crash tests: they issue, verify, disable, enable and revoke keys over HTTP, and remember what
 * was acknowledged and what was still on its way when the server died.
 *
 * @module
 */
import { Agent, request as httpRequest } from 'node:http'
import type { Random } from '#core/base/id'

export interface Answer {
  readonly status: number
  readonly entryId: string | null
  readonly json: Readonly<Record<string, unknown>>
}

/** What is known of one key. */
export interface KnownKey {
  readonly keyId: string
  readonly secret: string
  /** The last state that was acknowledged. */
  status: 'active' | 'disabled' | 'revoked'
  version: number
  /** A change was sent and not answered: it may or may not have happened. */
  pending: boolean
  /** Durable uses that were answered, and those that were not. */
  uses: number
  usesPending: number
}

export interface Workload {
  readonly keys: Map<string, KnownKey>
  /** Every acknowledged entry: its id and what it is about. */
  readonly entries: Map<string, string>
  /** Creations that were sent and not answered. */
  creationsPending: number
  acknowledged: number
}

export const newWorkload = (): Workload => ({ keys: new Map(), entries: new Map(), creationsPending: 0, acknowledged: 0 })

export interface Client {
  send(method: string, path: string, body?: unknown): Promise<Answer>
  close(): void
}

/** One keep-alive client. A request that gets no whole answer rejects. */
export function createClient(url: string, credential: string, sockets = 8): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: sockets })
  return {
    send: (method, path, body) => new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : JSON.stringify(body)
      const request = httpRequest(`${url}${path}`, {
        method, agent,
        headers: {
          authorization: `Bearer ${credential}`,
          ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
        },
      }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          if (!response.complete) return reject(new Error('cut off'))
          const text = Buffer.concat(chunks).toString('utf8')
          resolve({
            status: response.statusCode ?? 0,
            entryId: (response.headers['claviger-audit-entry'] as string | undefined) ?? null,
            json: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
          })
        })
      })
      request.on('error', reject)
      request.end(payload)
    }),
    close: () => agent.destroy(),
  }
}

/** Writes until the server is gone. Resolves then; rejects when the server answers what it should not. */
export async function writeUntilGone(client: Client, environmentId: string, workload: Workload, random: Random, writers = 8): Promise<void> {
  await Promise.all(Array.from({ length: writers }, (_, writer) => writeAlone(client, environmentId, workload, random, writer)))
}

async function writeAlone(client: Client, environmentId: string, workload: Workload, random: Random, writer: number): Promise<void> {
  const own: KnownKey[] = []
  for (let turn = 0; ; turn++) {
    const dice = (random.bytes(1)[0] ?? 0) % 8
    const key = own.at(-1)
    const goesOn = key === undefined || key.status === 'revoked' || dice < 3
      ? await create(client, environmentId, workload, own, `${writer}-${turn}`)
      : dice < 5 ? await use(client, key) : await change(client, workload, key, dice)
    if (!goesOn) return
  }
}

async function create(client: Client, environmentId: string, workload: Workload, own: KnownKey[], name: string): Promise<boolean> {
  workload.creationsPending++
  const answer = await client.send('POST', '/v1/keys', { environmentId, name, permissions: ['chain:read'] }).catch(() => null)
  if (answer === null) return false
  workload.creationsPending--
  expect(answer, 201)
  const key: KnownKey = {
    keyId: String(answer.json['keyId']), secret: String(answer.json['secret']), status: 'active', version: 1, pending: false, uses: 0, usesPending: 0,
  }
  own.push(key)
  workload.keys.set(key.keyId, key)
  acknowledge(workload, answer, key.keyId)
  return true
}

async function change(client: Client, workload: Workload, key: KnownKey, dice: number): Promise<boolean> {
  const [verb, status] = dice === 5 ? (['revoke', 'revoked'] as const) : key.status === 'active' ? (['disable', 'disabled'] as const) : (['enable', 'active'] as const)
  key.pending = true
  const answer = await client.send('POST', `/v1/keys/${key.keyId}/${verb}`, verb === 'revoke' ? { reason: 'key-compromise' } : undefined).catch(() => null)
  if (answer === null) return false
  key.pending = false
  expect(answer, 200)
  key.status = status
  key.version = Number(answer.json['version'])
  acknowledge(workload, answer, key.keyId)
  return true
}

async function use(client: Client, key: KnownKey): Promise<boolean> {
  key.usesPending++
  const answer = await client.send('POST', '/v1/keys/verify', { key: key.secret, permissions: { all: ['chain:read'] } }).catch(() => null)
  if (answer === null) return false
  key.usesPending--
  expect(answer, 200)
  if (answer.json['valid'] !== (key.status === 'active')) throw new Error(`${key.keyId} is ${key.status}, and was answered ${String(answer.json['code'])}`)
  key.uses++
  return true
}

function acknowledge(workload: Workload, answer: Answer, target: string): void {
  workload.acknowledged++
  if (answer.entryId !== null) workload.entries.set(answer.entryId, target)
}

function expect(answer: Answer, status: number): void {
  if (answer.status !== status) throw new Error(`expected ${status}, got ${answer.status}: ${JSON.stringify(answer.json)}`)
}
