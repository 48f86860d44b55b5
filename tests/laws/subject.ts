/**
 * What the laws need of a server that they are held against.
 *
 * @module
 */
import type { IdPrefix } from '#core/base/id'
import type { JsonObject, JsonValue } from '#core/base/json'
import type { AnyOperation } from '#core/http/operation'
import type { Storage } from '#core/storage/storage'
import type { CallAnswer } from '../support/instance.ts'
import type { Kit } from './kit.ts'

/** The input of one request, before it becomes an address and a body. */
export interface Request {
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, JsonValue>>
  /** Null where the operation takes none. */
  readonly body: JsonObject | null
}

/** A workspace and the credential of its owner, who may do everything there. */
export interface Tenant {
  readonly workspaceId: string
  readonly owner: string
}

/** A credential that no operation may take, and what is wrong with it. */
export interface BadCredential {
  readonly what: string
  /** The `Authorization` header; null: none. */
  readonly authorization: string | null
}

/** A place where a secret must not lie, as it is now. */
export interface Trace {
  readonly where: string
  readonly bytes: Buffer
}

export type Recipe = (kit: Kit) => Promise<Partial<Request>>

/** What the schemas alone do not say. */
export interface Recipes {
  /** The file that an engineer adds to when a new operation needs more. */
  readonly file: string
  /** A fresh target of each kind, by the prefix of its id. */
  readonly targets: Readonly<Partial<Record<IdPrefix, (kit: Kit) => Promise<string>>>>
  /** Values of fields by their name; the number is different each time. */
  readonly fields: Readonly<Record<string, (number: number) => JsonValue>>
  /** Whole inputs, or parts of them, by operation. */
  readonly operations: Readonly<Record<string, Recipe>>
}

export interface Subject {
  readonly url: string
  readonly operations: readonly AnyOperation[]
  readonly storage: Storage
  readonly home: Tenant
  /** Another workspace of the same instance. */
  readonly other: Tenant
  /** Operations by which the first workspace reaches into others, by design. */
  readonly reachesAcross: (operation: AnyOperation) => boolean
  readonly recipes: Recipes
  /** A credential of `home` that holds exactly these permissions. */
  credentialWith(permissions: readonly string[]): Promise<string>
  badCredentials(): Promise<readonly BadCredential[]>
  /** From here on the database refuses every audit entry, until the function that it returns is called. */
  breakCommits(): Promise<() => Promise<void>>
  /** Log lines, and all that lies in the database. */
  traces(): Promise<readonly Trace[]>
  readonly journal: Journal
}

/** What came out over the whole run: for the laws about everything that was sent. */
export interface Journal {
  /** Fault codes by operation. */
  readonly codes: Map<string, Set<string>>
  /** Every secret that was answered, or sent as one. */
  readonly secrets: Set<string>
}

export const createJournal = (): Journal => ({ codes: new Map(), secrets: new Set() })

export type Answer = CallAnswer
