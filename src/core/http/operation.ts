/**
 * Operations: every act a caller can perform, declared once.
 *
 * Routes, OpenAPI, CLI verbs, SDK methods, redaction, the permission catalogue, the roles and the law tests are all read
 * from these declarations, so none of them can disagree and there is no central list to edit.
 *
 * @module
 */
import type { Static, TObject, TSchema } from 'typebox'
import { assert } from '#core/base/assert'
import type { Clock } from '#core/base/clock'
import type { KeyId, PrincipalId, Random, WorkspaceId } from '#core/base/id'
import type { JsonObject } from '#core/base/json'
import type { Expectation, RowWrite, Silence } from '#core/storage/commit'
import type { ReadableStorage } from '#core/storage/storage'

/** Named sets of permissions, from the most to the least powerful. Which operations each may call, they say themselves. */
export const roles = ['owner', 'admin', 'operator', 'developer', 'auditor'] as const
export type Role = (typeof roles)[number]

/** Who acts: a principal, authenticated by one of its keys, in its workspace. */
export interface Caller {
  readonly workspaceId: WorkspaceId
  readonly principalId: PrincipalId
  /** The credential that was presented. */
  readonly keyId: KeyId
  /** What role and key both grant. */
  readonly permissions: ReadonlySet<string>
  /** The rows that make it who it is, as they were when it was authenticated: it writes only while they still are so. */
  readonly expects: readonly Expectation[]
}

/** One request, as a handler sees it. */
export interface Call {
  readonly caller: Caller
  readonly requestId: string
  /** The client's address, canonical; forwarded headers count only from configured proxies. */
  readonly clientIp: string
  readonly userAgent: string
  /** When the request is decided, ms since the epoch, from the clock that never runs back. */
  readonly atMs: number
  readonly clock: Clock
  readonly random: Random
  readonly storage: ReadableStorage
  /** The version that `If-Match` demands, or null. */
  readonly ifMatch: number | null
}

/** Personal or free-form data about one subject. It never stands in a leaf: it is sealed under the subject's own key. */
export interface Detail {
  /** A principal's or consumer's id; its key can be destroyed to erase the person. */
  readonly subject: string
  readonly data: JsonObject
}

/** What a write operation decided: a pure function of what it read, its input and the clock. */
export interface Decision<Out> {
  readonly output: Out
  /** The workspace that the rows belong to, when it is not the caller's: the entry then stands in both logs. */
  readonly workspaceId?: WorkspaceId
  /** What the entry is about. */
  readonly target: string
  readonly writes: readonly RowWrite[]
  readonly expects?: readonly Expectation[]
  readonly silences?: readonly Silence[]
  /** Stands in the leaf for ever: ids, permissions, times, reasons from fixed lists; never personal data. */
  readonly facts: JsonObject
  readonly details?: readonly Detail[]
  /** Whom the output is about, when that is not the target: a stored answer is erased with its subject. */
  readonly subject?: string
  /** Subjects whose key this commit destroys. */
  readonly erases?: readonly string[]
  /** Runs once the commit is durable, before the caller hears of it. For what memory must know, never for state. */
  readonly committed?: () => void
}

/** Unique indexes by name, and the fault a violation of each means to the caller. */
export type UniqueFaults = Readonly<Record<string, () => Error>>

export interface OperationInput {
  readonly params?: TObject
  readonly query?: TObject
  readonly body?: TObject
}

type Part<Schema> = Schema extends TSchema ? Static<Schema> : Record<never, never>
export type InputOf<In extends OperationInput> = {
  readonly params: Part<In['params']>
  readonly query: Part<In['query']>
  readonly body: Part<In['body']>
}

interface Declaration<In extends OperationInput, Out extends TSchema> {
  /** `capability.verb-noun` or `capability.verb`: the name used by SDKs, the CLI and the audit log. */
  readonly id: `${string}.${string}`
  /** One line, imperative: "Revoke a key". */
  readonly summary: string
  /** What a caller needs to know beyond the schemas. */
  readonly description: string
  readonly http: `${'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} /v1/${string}` | 'GET /metrics'
  /** The permission required. There is no way to declare an operation without one. */
  readonly permission: string
  /** Permission that lets a caller know that targets exist. Without it every refusal is the same 404. */
  readonly existence: string
  /** The roles that hold the permission. */
  readonly roles: readonly Role[]
  readonly criticality: 'none' | 'step-up' | 'quorum'
  /** Codes this operation may answer beyond those every operation may (see `commonFaults`). */
  readonly faults: readonly string[]
  readonly input: In
  readonly output: Out
}

export interface ReadOperation<Services = never, In extends OperationInput = OperationInput, Out extends TSchema = TSchema>
  extends Declaration<In, Out> {
  readonly effect: 'read'
  /** The answer's content type where it is not JSON; the handler then returns the body: text, or bytes. */
  readonly contentType?: string
  readonly handle: (input: InputOf<In>, call: Call, services: Services) => Promise<Static<Out>> | Static<Out>
}

export interface WriteOperation<Services = never, In extends OperationInput = OperationInput, Out extends TSchema = TSchema>
  extends Declaration<In, Out> {
  readonly effect: 'write'
  /** A write answers JSON: that is what a repeated request is answered from. */
  readonly contentType?: never
  /** The audit event of its entry: `key.revoked`. */
  readonly event: string
  /** Takes away and grants nothing: goes on when sinks are full or the key process is gone. */
  readonly takesAway: boolean
  /** 201 when it makes something. */
  readonly status: 200 | 201
  readonly unique?: UniqueFaults
  /** Reads and decides; runs again when the commit met a conflict, so it must not have effects. */
  readonly decide: (input: InputOf<In>, call: Call, services: Services) => Promise<Decision<Static<Out>>>
}

export type Operation<Services = never> = ReadOperation<Services> | WriteOperation<Services>

/** Any operation, whatever services it wants: what everything that only reads declarations takes. */
export type AnyOperation = Operation<never>

/** A capability's operations together with the services their handlers want. */
export interface Mount<Services> {
  readonly operations: readonly Operation<Services>[]
  readonly services: Services
}

/** Any mount. Which services belong to which operations was checked where it was made as a `Mount`. */
export interface AnyMount {
  readonly operations: readonly AnyOperation[]
  readonly services: unknown
}

const permissionShape = /^[a-z]+(-[a-z]+)*:[a-z]+(-[a-z]+)*$/

/** Declares the operations of a capability whose handlers want `Services`. */
export function operationsOf<Services>() {
  return {
    read<const In extends OperationInput, Out extends TSchema>(declaration: Omit<ReadOperation<Services, In, Out>, 'effect'>) {
      return declare<ReadOperation<Services, In, Out>>({ ...declaration, effect: 'read' })
    },
    write<const In extends OperationInput, Out extends TSchema>(declaration: Omit<WriteOperation<Services, In, Out>, 'effect'>) {
      return declare<WriteOperation<Services, In, Out>>({ ...declaration, effect: 'write' })
    },
  }
}

function declare<Op extends { id: string; permission: string; existence: string; roles: readonly Role[] }>(operation: Op): Operation<never> & Op {
  assert(permissionShape.test(operation.permission), `H1: ${operation.id} names a permission`)
  assert(permissionShape.test(operation.existence), `H1: ${operation.id} names an existence permission`)
  assert(operation.roles.includes('owner'), `H2: the owner may do everything, ${operation.id} too`)
  // A handler's input is contravariant; whoever mounts it pairs it with the services it wants, which `Mount` checks.
  return Object.freeze(operation) as never
}

/**
 * The address parts of an operation: method, Fastify path, and the names of its path parameters. A last parameter
 * written `{path*}` takes the rest of the address, slashes included.
 */
export function routeOf(operation: { readonly http: string }): { method: string; path: string; params: readonly string[] } {
  const [method = '', template = ''] = operation.http.split(' ')
  const params = [...template.matchAll(/\{([a-zA-Z]+)\*?\}/g)].map((match) => match[1] ?? '')
  const path = template.replaceAll(/\{([a-zA-Z]+)\}/g, ':$1').replace(/\{[a-zA-Z]+\*\}$/, '*')
  return { method, path, params }
}
