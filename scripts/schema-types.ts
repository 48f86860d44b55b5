/**
 * JSON schemas as TypeScript types, and names as TypeScript writes them.
 *
 * It knows the keywords that the operations use and refuses every other: a type that says less than its schema means
 * would mislead whoever relies on it.
 *
 * @module
 */

/** The part of JSON Schema that operations use. */
export interface Schema {
  readonly type?: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly additionalProperties?: unknown
  readonly const?: string | number | boolean
  readonly enum?: readonly (string | number)[]
}

/** The name that a schema has where types are named, or undefined. */
export type NameOf = (schema: Schema) => string | undefined

const scalars: Readonly<Record<string, string>> = { string: 'string', integer: 'number', number: 'number', boolean: 'boolean', null: 'null' }

/** Keywords that allow every value. */
const annotations: ReadonlySet<string> = new Set(['title', 'description', 'examples', 'default'])

/** @param indent of the line that the type begins on. @throws Error for a schema that it does not know how to say */
export function typeOf(schema: Schema, indent: string, nameOf: NameOf = () => undefined): string {
  if (schema.const !== undefined) return literal(schema.const)
  if (schema.enum !== undefined) return schema.enum.map(literal).join(' | ')
  if (schema.anyOf !== undefined) return schema.anyOf.map((choice) => nameOf(choice) ?? typeOf(choice, indent, nameOf)).join(' | ')
  if (schema.items !== undefined && !Array.isArray(schema.items)) return `readonly ${elementOf(schema.items, indent, nameOf)}[]`
  if (schema.properties !== undefined) return objectOf(schema, indent, nameOf)
  if (schema.patternProperties !== undefined) return recordOf(schema.patternProperties, indent, nameOf)
  const scalar = scalars[schema.type ?? '']
  if (scalar !== undefined) return scalar
  if (Object.keys(schema).every((keyword) => annotations.has(keyword))) return 'unknown'
  if (schema.type === 'object' && schema.additionalProperties !== false) return 'Readonly<Record<string, unknown>>'
  throw new Error(`no TypeScript type is known for ${JSON.stringify(schema)}`)
}

function objectOf({ properties = {}, required = [] }: Schema, indent: string, nameOf: NameOf): string {
  const inner = `${indent}  `
  const members = Object.entries(properties).flatMap(([name, field]) => {
    const type = nameOf(field) ?? typeOf(field, inner, nameOf)
    // With `exactOptionalPropertyTypes` a caller could not pass on what it may not have.
    const member = required.includes(name) ? `${name}: ${type}` : `${name}?: ${type} | undefined`
    const doc = field.description === undefined ? [] : [`${inner}/** ${field.description.replaceAll('*/', '*\\/')} */`]
    return [...doc, `${inner}readonly ${member}`]
  })
  return members.length === 0 ? 'Readonly<Record<string, never>>' : `{\n${members.join('\n')}\n${indent}}`
}

function recordOf(patterns: Readonly<Record<string, Schema>>, indent: string, nameOf: NameOf): string {
  const types = new Set(Object.values(patterns).map((schema) => nameOf(schema) ?? typeOf(schema, indent, nameOf)))
  return `Readonly<Record<string, ${[...types].join(' | ')}>>`
}

const literal = (value: string | number | boolean): string => (typeof value === 'string' ? `'${value}'` : String(value))

function elementOf(schema: Schema, indent: string, nameOf: NameOf): string {
  const name = nameOf(schema)
  if (name !== undefined) return name
  const type = typeOf(schema, indent, nameOf)
  return schema.anyOf !== undefined || schema.enum !== undefined || schema.items !== undefined ? `(${type})` : type
}

export const camelCase = (kebab: string): string => kebab.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())

export const pascalCase = (kebab: string): string => camelCase(`-${kebab}`)

/** `keys` → `key`. Every noun of ours takes a plain s. */
export const singularOf = (noun: string): string => noun.replace(/s$/, '')
