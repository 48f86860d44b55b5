/**
 * Validation: from what arrived to what an operation declared, or a fault that says what to correct.
 *
 * Nothing is coerced, defaulted or dropped here. What a fault tells names fields and demands, never values.
 *
 * @module
 */
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import type { InputError } from '#core/base/fault'
import { httpFaults } from './faults.ts'
import { formMark } from './schema.ts'

type Part = 'body' | 'query' | 'path'

/** The part of a TypeBox error that is read here. */
interface SchemaError {
  readonly keyword: string
  readonly instancePath: string
  readonly params: object
}

/** How many errors are told at once. */
const errorsMax = 16
/** What a member's name may look like to be repeated to the caller: shorter than any token. */
const repeatableName = /^[A-Za-z0-9_.-]{1,40}$/

/** A function that refuses every value which the schema does not allow. @throws Fault http/invalid-input */
export function compileCheck(schema: TSchema, part: Part): (value: unknown) => void {
  const compiled = Compile(schema)
  const forms = formsOf(schema)
  return (value) => {
    if (!compiled.Check(value)) throw invalidInput(inputErrors(part, compiled.Errors(value), forms))
  }
}

/** A function that tells whether a value is exactly as the schema says. */
export function compileTest(schema: TSchema): (value: unknown) => boolean {
  const compiled = Compile(schema)
  return (value) => compiled.Check(value)
}

export const invalidInput = (errors: readonly InputError[]) =>
  httpFaults['invalid-input']('Correct what `errors` lists, and send it again.', { errors })

/** One error for each place. */
function inputErrors(part: Part, errors: readonly SchemaError[], forms: Forms): readonly InputError[] {
  const byPointer = new Map<string, SchemaError[]>()
  for (const error of errors) {
    for (const path of placesOf(error)) {
      const pointer = pointerOf(part, path)
      byPointer.set(pointer, [...(byPointer.get(pointer) ?? []), error])
    }
  }
  return [...byPointer].slice(0, errorsMax).map(([pointer, all]) => ({ pointer, detail: detailOf(all, forms) }))
}

/** A missing or unknown member is told at its own place, not at the object's. */
function placesOf({ keyword, instancePath, params }: SchemaError): readonly string[] {
  const names = keyword === 'required' ? member(params, 'requiredProperties') : keyword === 'additionalProperties' ? member(params, 'additionalProperties') : undefined
  // `boolean` is what the place of an unknown member says itself; it would be told twice.
  if (keyword === 'boolean') return []
  if (!Array.isArray(names)) return [instancePath]
  return names.slice(0, errorsMax).map((name) => `${instancePath}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`)
}

function pointerOf(part: Part, path: string): string {
  const names = path.split('/').slice(1)
  const repeatable = names.every((name) => repeatableName.test(name)) ? names : []
  if (part === 'body') return repeatable.map((name) => `/${name}`).join('')
  return [part, ...repeatable].join('.')
}

function detailOf(errors: readonly SchemaError[], forms: Forms): string {
  const allowed = errors.flatMap(({ keyword, params }) => (keyword === 'const' ? [member(params, 'allowedValue')] : []))
  if (allowed.length > 0) return `Must be ${allowed.map((value) => JSON.stringify(value)).join(' or ')}.`
  // Of a nullable field the demand on the value is told, not that it could have been null; of several the form, which says most.
  const demanded = errors.filter(({ keyword, params }) => keyword !== 'anyOf' && !(keyword === 'type' && member(params, 'type') === 'null'))
  const error = demanded.find(({ keyword }) => keyword === 'pattern') ?? demanded[0] ?? errors[0]
  if (error?.keyword === 'pattern') return `Must be ${forms.get(String(member(error.params, 'pattern'))) ?? 'of another form'}.`
  return error === undefined ? 'Is not valid.' : (demands[error.keyword]?.(error.params) ?? 'Is not valid.')
}

/** What patterns demand, in words, by the pattern. */
type Forms = ReadonlyMap<string, string>

interface Formed {
  readonly pattern?: unknown
  readonly [formMark]?: unknown
  readonly examples?: readonly unknown[]
}

/** Every pattern of a schema, however deep, with its words and an example. */
function formsOf(schema: object): Forms {
  const forms = new Map<string, string>()
  const visit = (node: object): void => {
    const { pattern, [formMark]: form, examples } = node as Formed
    if (typeof pattern === 'string' && typeof form === 'string') {
      const [example] = examples ?? []
      forms.set(pattern, typeof example === 'string' ? `${form}, such as ${example}` : form)
    }
    for (const part of Object.values(node) as readonly unknown[]) if (typeof part === 'object' && part !== null) visit(part)
  }
  visit(schema)
  return forms
}

const member = (params: object, name: string): unknown => (params as Readonly<Record<string, unknown>>)[name]
const limit = (params: object): string => String(member(params, 'limit'))
const counted = (params: object, noun: string): string => `${limit(params)} ${noun}${limit(params) === '1' ? '' : 's'}`

/** What a schema keyword demands, in words. */
const demands: Readonly<Record<string, (params: object) => string>> = {
  required: () => 'Is missing.',
  additionalProperties: () => 'Is not known here.',
  type: (params) => `Must be ${articled(String(member(params, 'type')))}.`,
  enum: (params) => `Must be one of ${(member(params, 'allowedValues') as readonly unknown[]).map(String).join(', ')}.`,
  minLength: (params) => `Must have at least ${counted(params, 'character')}.`,
  maxLength: (params) => `Must have at most ${counted(params, 'character')}.`,
  minimum: (params) => `Must be at least ${limit(params)}.`,
  maximum: (params) => `Must be at most ${limit(params)}.`,
  exclusiveMinimum: (params) => `Must be more than ${limit(params)}.`,
  exclusiveMaximum: (params) => `Must be less than ${limit(params)}.`,
  minItems: (params) => `Must have at least ${counted(params, 'element')}.`,
  maxItems: (params) => `Must have at most ${counted(params, 'element')}.`,
  uniqueItems: () => 'Must not have the same element twice.',
  minProperties: (params) => `Must have at least ${counted(params, 'member')}.`,
  maxProperties: (params) => `Must have at most ${counted(params, 'member')}.`,
}

const articled = (type: string): string => (/^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`)
