/**
 * JSON schemas as a reader wants them: rows of fields, and an example.
 *
 * @module
 */
import { secretMark } from '#core/telemetry/redact'

/** The part of JSON Schema that operations use. */
export interface SchemaDocument {
  readonly type?: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, SchemaDocument>>
  readonly required?: readonly string[]
  readonly items?: SchemaDocument
  readonly anyOf?: readonly SchemaDocument[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly minimum?: number
  readonly [secretMark]?: boolean
}

export interface Field {
  /** Its path: `permissions.all`, `items[].id`. */
  readonly name: string
  readonly type: string
  readonly description: string
  readonly isOptional: boolean
  readonly isSecret: boolean
}

/** All fields of an object, those inside each other one after the other. */
export function fieldsOf(schema: SchemaDocument, prefix = ''): readonly Field[] {
  const { properties = {}, required = [] } = schema
  return Object.entries(properties).flatMap(([name, field]) => {
    const path = prefix + name
    const row: Field = {
      name: path, type: typeOf(field), description: field.description ?? '',
      isOptional: !required.includes(name), isSecret: field[secretMark] === true,
    }
    const inner = presentForm(field)
    return [row, ...fieldsOf(inner, `${path}.`), ...(inner.items === undefined ? [] : fieldsOf(presentForm(inner.items), `${path}[].`))]
  })
}

/** Of a nullable schema, what stands there when it is not null. */
const presentForm = (schema: SchemaDocument): SchemaDocument => schema.anyOf?.find(({ type }) => type !== 'null') ?? schema

function typeOf(schema: SchemaDocument): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' | ')
  if (schema.items !== undefined) return `${typeOf(schema.items)}[]`
  return schema.type ?? 'any'
}

/** An example: what the schema gives as one, or the least that has its shape. */
export function exampleOf(schema: SchemaDocument): unknown {
  if (schema.examples?.[0] !== undefined) return schema.examples[0]
  if (schema.default !== undefined) return schema.default
  if (schema.const !== undefined) return schema.const
  if (schema.enum !== undefined) return schema.enum[0]
  if (schema.anyOf !== undefined) return exampleOf(presentForm(schema))
  return examplesByType[schema.type ?? '']?.(schema) ?? null
}

const examplesByType: Readonly<Record<string, (schema: SchemaDocument) => unknown>> = {
  string: () => '…',
  integer: ({ minimum }) => minimum ?? 0,
  number: ({ minimum }) => minimum ?? 0,
  boolean: () => true,
  array: ({ items }) => (items === undefined ? [] : [exampleOf(items)]),
  object: ({ properties = {}, required = [] }) => Object.fromEntries(required.map((name) => [name, exampleOf(properties[name] ?? {})])),
}
