/**
 * An Ethereum node behind keys: JSON-RPC over HTTP (and batches of it) in, the same out, and only what the key permits.
 *
 * A single call is authorised by `protect`, which answers a refusal with its status. In a batch each call is authorised by
 * itself: one that is refused is answered with a JSON-RPC error, and the others as ever.
 *
 * @module
 */
import fastify, { type FastifyInstance } from 'fastify'
import { createProtector, type Permissions, type Refusal, type VerifiedKey } from '@claviger/sdk'
import { protect } from '@claviger/sdk/fastify'
import { permissionOf } from './methods.ts'

export interface RpcServerOptions {
  /** The node, which only this server reaches. */
  readonly nodeUrl: string
  readonly claviger: {
    readonly url: string
    /** Of a service account that may verify, and nothing else. */
    readonly credential: string
    /** Keys of another environment are refused. */
    readonly environmentId: string
  }
}

interface RpcCall {
  readonly jsonrpc: '2.0'
  readonly id?: string | number | null
  readonly method: string
  readonly params?: unknown
}

type RpcAnswer = Readonly<Record<string, unknown>>

const bodyMax = 256 * 1024
const batchMax = 20
const nodeTimeoutMs = 10_000

export function createRpcServer({ nodeUrl, claviger }: RpcServerOptions): FastifyInstance {
  const protector = createProtector({ ...claviger, realm: 'rpc-node' })
  const app = fastify({ bodyLimit: bodyMax })
  // Not `onRequest`: what a call takes is known when its body is there.
  const preHandler = protect({ protector, permissions: ({ body }) => permissionsFor(body) })
  app.post('/', { preHandler }, async ({ body, claviger: key }, reply) => {
    if (key === undefined) throw new Error('protect() stands before this')
    const calls: readonly unknown[] = Array.isArray(body) ? body : [body]
    if (calls.length === 0 || calls.length > batchMax) {
      return reply.code(400).send(rpcError(null, { code: -32600, message: `A batch has 1 to ${batchMax} calls.` }))
    }
    const answers = await answerAll(nodeUrl, calls, Array.isArray(body) ? key : null)
    // Notifications are not answered (JSON-RPC 2.0 §4.1).
    if (answers.length === 0) return reply.code(204).send()
    return Array.isArray(body) ? answers : answers[0]
  })
  return app
}

/** A single call takes what its method takes; a batch any valid key, for each of its calls is asked about later. */
function permissionsFor(body: unknown): Permissions | null {
  if (Array.isArray(body)) return []
  return isCall(body) ? permissionOf(body.method) : []
}

/** @param key to ask about each call with; null when that has been done */
async function answerAll(nodeUrl: string, calls: readonly unknown[], key: VerifiedKey | null): Promise<readonly RpcAnswer[]> {
  const refusals = await Promise.all(calls.map(async (call) => refusalOf(call, key)))
  const permitted = calls.filter((call, index): call is RpcCall => refusals[index] === null && isCall(call))
  const results = await forward(nodeUrl, permitted)
  const answered = calls.map((call, index) => refusals[index] ?? results.get(call))
  return answered.filter((answer, index) => answer !== undefined && !isNotification(calls[index])) as readonly RpcAnswer[]
}

async function refusalOf(call: unknown, key: VerifiedKey | null): Promise<RpcAnswer | null> {
  if (!isCall(call)) return rpcError(null, { code: -32600, message: 'Not a JSON-RPC 2.0 call.' })
  if (key === null) return null
  const permission = permissionOf(call.method)
  if (permission === null) return rpcError(call.id, { code: 4100, message: 'No key may call this method.' })
  const verification = await key.verify(permission)
  return verification.valid ? null : rpcError(call.id, errorFor(verification.refusal))
}

/** EIP-1193 has 4100 for "not authorised"; EIP-1474 -32005 for "limit exceeded". An outage is nobody's fault but ours. */
const errorFor = ({ status, title, code }: Refusal) => ({ code: status === 503 ? -32603 : status === 429 ? -32005 : 4100, message: title, data: { code } })

/**
 * Asks the node. It is sent what was read and authorised here, written anew, and never the client's own bytes: two
 * readers of the same bytes could differ about which method is called.
 */
async function forward(nodeUrl: string, calls: readonly RpcCall[]): Promise<ReadonlyMap<unknown, RpcAnswer>> {
  if (calls.length === 0) return new Map()
  const batch = calls.map(({ method, params }, id) => ({ jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) }))
  const answers = await askNode(nodeUrl, batch)
  return new Map(calls.map((call, id) => {
    const answer = answers.find((candidate) => candidate['id'] === id)
    return [call, answer === undefined ? rpcError(call.id, { code: -32603, message: 'The node did not answer.' }) : { ...answer, id: call.id ?? null }]
  }))
}

async function askNode(nodeUrl: string, batch: readonly object[]): Promise<readonly RpcAnswer[]> {
  try {
    const response = await fetch(nodeUrl, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(batch), signal: AbortSignal.timeout(nodeTimeoutMs),
    })
    const answers: unknown = await response.json()
    return Array.isArray(answers) ? (answers as readonly RpcAnswer[]) : []
  } catch {
    return []
  }
}

function isCall(value: unknown): value is RpcCall {
  if (typeof value !== 'object' || value === null) return false
  const { jsonrpc, method, id } = value as Partial<Record<keyof RpcCall, unknown>>
  return jsonrpc === '2.0' && typeof method === 'string' && (id === undefined || id === null || typeof id === 'string' || typeof id === 'number')
}

const isNotification = (call: unknown): boolean => isCall(call) && call.id === undefined

const rpcError = (id: RpcCall['id'], error: object): RpcAnswer => ({ jsonrpc: '2.0', id: id ?? null, error })
