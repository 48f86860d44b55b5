/**
 * From an operation's schemas to the flags of its command.
 *
 * @module
 */
import { secretMark } from '#core/telemetry/redact'
import { kebab } from '../render/text.ts'
import type { OperationSpec } from './catalogue.ts'

/** The part of JSON Schema that declarations use. */
export interface JsonSchema {
  readonly type?: string
  readonly description?: string
  readonly pattern?: string
  readonly enum?: readonly string[]
  readonly const?: string
  readonly examples?: readonly unknown[]
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly minProperties?: number
  readonly contentEncoding?: string
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly [secretMark]?: boolean
}

/**
 * How a field is written: `list` as repeated or comma-separated elements, `records` as `name=…,access=…` a time, `json`
 * as JSON where a schema has a form that flags have none for.
 */
export type FieldKind = 'text' | 'integer' | 'number' | 'boolean' | 'time' | 'list' | 'records' | 'secret' | 'json'

export interface Field {
  readonly part: 'params' | 'query' | 'body'
  /** Where it stands in its part. */
  readonly path: readonly string[]
  /** The flag's name without dashes: `permissions.all`, `environment`. */
  readonly flag: string
  /** Other spellings. */
  readonly aliases: readonly string[]
  readonly kind: FieldKind
  /** Of the elements, for lists. */
  readonly elementKind: FieldKind
  readonly required: boolean
  /** Can be null: by `--clear`. */
  readonly nullable: boolean
  readonly choices: readonly string[] | null
  /** Which kind of thing it names, by its id's prefix. */
  readonly idPrefix: string | null
  readonly description: string
  readonly example: string | null
  /** The members of one record. */
  readonly members: Readonly<Record<string, JsonSchema>>
  readonly memberRequired: readonly string[]
}

const idShape = /^\^([a-z]{3})_\[0-9A-Za-z\]\{16\}\$$/
const timeShape = '^[2-9][0-9]{3}-'
const textual: ReadonlySet<FieldKind> = new Set(['text', 'integer', 'number', 'time'])

/** Flags that every command has; a field of the same name gets another. */
export const commonFlags: ReadonlySet<string> = new Set([
  'url', 'profile', 'credential-file', 'ca-file', 'unsafe-plain-http', 'json', 'quiet', 'no-color', 'color', 'help', 'version',
  'body-file', 'clear', 'output', 'secret-file', 'all', 'if-match', 'idempotency-key',
])

/** The fields of an operation's input, path parameters first. */
export function fieldsOf(spec: OperationSpec): readonly Field[] {
  const parts = ['params', 'query', 'body'] as const
  const fields = parts.flatMap((part) => fieldsIn(part, spec.input[part] ?? {}, [], true))
  const taken = new Set<string>()
  return fields.map((field) => {
    if (field.part === 'params') return field
    const flag = taken.has(field.flag) || commonFlags.has(field.flag) ? `${field.part}.${field.flag}` : field.flag
    taken.add(flag)
    return { ...field, flag, aliases: field.aliases.filter((alias) => !taken.has(alias) && !commonFlags.has(alias)) }
  })
}

function fieldsIn(part: Field['part'], schema: JsonSchema, path: readonly string[], required: boolean): readonly Field[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, declared]) => {
    const { node, nullable } = withoutNull(declared)
    const isRequired = required && (schema.required ?? []).includes(name)
    const here = [...path, name]
    if (node.type === 'object' && node.properties !== undefined) {
      const members = fieldsIn(part, node, here, isRequired)
      return nullable ? [...members, fieldOf(part, here, { ...node, ...described(declared) }, { required: false, nullable, kind: 'json' })] : members
    }
    return [fieldOf(part, here, { ...node, ...described(declared) }, { required: isRequired, nullable, kind: kindOf(node) })]
  })
}

const described = ({ description }: JsonSchema): JsonSchema => (description === undefined ? {} : { description })

function withoutNull(schema: JsonSchema): { readonly node: JsonSchema; readonly nullable: boolean } {
  const forms = schema.anyOf ?? []
  const node = forms.find(({ type }) => type !== 'null')
  if (node === undefined || forms.length !== 2 || !forms.some(({ type }) => type === 'null')) return { node: schema, nullable: false }
  return { node, nullable: true }
}

function fieldOf(part: Field['part'], path: readonly string[], node: JsonSchema, more: Pick<Field, 'required' | 'nullable' | 'kind'>): Field {
  const name = path.map(kebab).join('.')
  const short = name.replace(/-id$/, '')
  const scalar = node.type === 'array' ? (node.items ?? {}) : node
  const idPrefix = idShape.exec(scalar.pattern ?? '')?.[1] ?? null
  const flag = idPrefix === null ? name : short
  const records = more.kind === 'records' ? node.items : undefined
  return {
    part, path, flag, aliases: flag === name ? [] : [name], ...more,
    elementKind: kindOf(scalar),
    choices: scalar.enum ?? null,
    idPrefix,
    description: node.description ?? scalar.description ?? '',
    example: exampleOf(node) ?? exampleOf(scalar),
    members: records?.properties ?? {},
    memberRequired: records?.required ?? [],
  }
}

function exampleOf({ examples, enum: choices }: JsonSchema): string | null {
  const first = examples?.[0] ?? choices?.[0]
  return typeof first === 'string' || typeof first === 'number' ? String(first) : null
}

function kindOf(node: JsonSchema): FieldKind {
  if (node[secretMark] === true) return 'secret'
  if (node.type === 'string') return node.pattern?.startsWith(timeShape) === true ? 'time' : 'text'
  if (node.type === 'integer' || node.type === 'number' || node.type === 'boolean') return node.type
  if (node.type === 'array' && node.items?.type === 'object') return 'records'
  if (node.type === 'array' && textual.has(kindOf(node.items ?? {}))) return 'list'
  return 'json'
}

/** What stands for a field's value in help: `<environment>`, `<read|write>`, `<time>`. */
export function placeholderOf(field: Field): string {
  if (field.kind === 'records') return `${Object.keys(field.members).map((name) => `${name}=…`).join(',')}`
  if (field.choices !== null && field.choices.join('|').length <= 32) return `${field.choices.join('|')}${field.kind === 'list' ? ',…' : ''}`
  const noun = field.idPrefix === null ? null : (field.path.at(-1) ?? '').replace(/Id$/, '')
  const word = noun ?? { integer: 'n', number: 'n', time: 'time', json: 'json' }[field.kind as string] ?? (field.choices === null ? 'text' : 'word')
  return `${kebab(word)}${field.kind === 'list' ? ',…' : ''}`
}
