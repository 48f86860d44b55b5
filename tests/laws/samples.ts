/**
 * Values that a schema allows.
 *
 * @module
 */
import type { TSchema } from 'typebox'
import { idPrefixes, type IdPrefix } from '#core/base/id'
import type { JsonObject, JsonValue } from '#core/base/json'
import { compileTest } from '#core/http/validation'

/** The parts of a JSON schema that are read here. */
export interface SchemaNode {
  readonly type?: string
  readonly enum?: readonly JsonValue[]
  readonly const?: JsonValue
  readonly anyOf?: readonly SchemaNode[]
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly required?: readonly string[]
  readonly items?: SchemaNode
  readonly minItems?: number
  readonly minimum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly examples?: readonly JsonValue[]
}

/** TypeBox schemas are JSON schemas. */
export const nodeOf = (schema: TSchema): SchemaNode => schema as SchemaNode

/** What a sampler asks for when the schema does not say it all. */
export interface Sources {
  target(prefix: IdPrefix): Promise<string>
  /** A value for the field of that name, or undefined. */
  field(name: string): JsonValue | undefined
}

/** Says which field nothing is known for. */
export class NoSample extends Error {
  override readonly name = 'NoSample'
}

const isPrefix = (text: string): text is IdPrefix => text in idPrefixes

/** Which kind of thing a field names, or null. */
export function targetOf({ pattern = '' }: SchemaNode): IdPrefix | null {
  const prefix = /^\^([a-z]{3})_\[/.exec(pattern)?.[1] ?? ''
  return isPrefix(prefix) ? prefix : null
}

/** @param path of the value, for the failure. @throws NoSample */
export async function sampleOf(node: SchemaNode, name: string, path: string, sources: Sources): Promise<JsonValue> {
  const value = await drafted(node, name, path, sources)
  if (!compileTest(node as TSchema)(value)) throw new NoSample(`${path}: ${JSON.stringify(value)} is not what its schema allows`)
  return value
}

async function drafted(node: SchemaNode, name: string, path: string, sources: Sources): Promise<JsonValue> {
  const prefix = targetOf(node)
  if (prefix !== null) return sources.target(prefix)
  const known = sources.field(name)
  if (known !== undefined) return known
  if (node.const !== undefined) return node.const
  if (node.enum !== undefined) return node.enum[0] ?? null
  const [alternative] = (node.anyOf ?? []).filter(({ type }) => type !== 'null')
  if (alternative !== undefined) return drafted(alternative, name, path, sources)
  if (node.type === 'object') return objectOf(node, path, sources)
  if (node.type === 'array') return Promise.all(Array.from({ length: node.minItems ?? 0 }, () => sampleOf(node.items ?? {}, name, `${path}[]`, sources)))
  if (node.type === 'integer' || node.type === 'number') return node.minimum ?? 1
  if (node.type === 'boolean') return true
  return node.examples?.[0] ?? 'x'.repeat(node.minLength ?? 1)
}

/** An object with the members that it must have. */
export async function objectOf({ properties = {}, required = [] }: SchemaNode, path: string, sources: Sources): Promise<JsonObject> {
  const object: Record<string, JsonValue> = {}
  for (const name of required) object[name] = await sampleOf(properties[name] ?? {}, name, `${path}.${name}`, sources)
  return object
}
