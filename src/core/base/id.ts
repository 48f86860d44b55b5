import { assert } from './assert.ts'

/** Every kind of thing that has an id, by its prefix. One table, so that no two rooms claim the same prefix. */
export const idPrefixes = {
  wsp: 'workspace',
  api: 'API',
  env: 'environment',
  con: 'consumer',
  key: 'key',
  prn: 'principal',
  ent: 'audit entry',
  blk: 'block of uses',
  req: 'request',
} as const

export type IdPrefix = keyof typeof idPrefixes

/** `key_` and 16 base62 characters (95 bits). Branded, so that a principal's id cannot be passed for a key's. */
export type Id<Prefix extends IdPrefix> = `${Prefix}_${string}` & { readonly __brand: Prefix }

export type WorkspaceId = Id<'wsp'>
export type ApiId = Id<'api'>
export type EnvironmentId = Id<'env'>
export type ConsumerId = Id<'con'>
export type KeyId = Id<'key'>
export type PrincipalId = Id<'prn'>
export type EntryId = Id<'ent'>

const idLength = 16
const shape = /^[a-z]{3}_[0-9A-Za-z]{16}$/

/** Source of unpredictable characters; `core/crypto/random` is the real one, simulations pass a seeded one. */
export interface Random {
  /** `length` cryptographically random bytes. */
  bytes(length: number): Buffer
  /** `length` characters of `0-9A-Za-z`, each equally likely. */
  base62(length: number): string
}

/** A new random id. */
export function newId<Prefix extends IdPrefix>(prefix: Prefix, random: Random): Id<Prefix> {
  return `${prefix}_${random.base62(idLength)}` as Id<Prefix>
}

/** Whether `text` is an id of that kind. Says nothing of whether it names anything. */
export function isId<Prefix extends IdPrefix>(prefix: Prefix, text: string): text is Id<Prefix> {
  return text.length === idLength + 4 && text.startsWith(`${prefix}_`) && shape.test(text)
}

/** Reads an id that our own code or database wrote. */
export function asId<Prefix extends IdPrefix>(prefix: Prefix, text: string): Id<Prefix> {
  assert(isId(prefix, text), `B1: an id of kind ${prefix} has its prefix and 16 base62 characters`)
  return text
}

/** The JSON-schema pattern of an id of that kind. */
export const idPattern = (prefix: IdPrefix): string => `^${prefix}_[0-9A-Za-z]{16}$`
