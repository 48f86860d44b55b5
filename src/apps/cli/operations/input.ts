/**
 * From what was typed to the parts of a request.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { revealSecret } from '#core/base/secret'
import type { Client } from '../client.ts'
import { usageError } from '../exit.ts'
import { errorCode } from '../private-file.ts'
import { readSecret, type SecretSource } from '../secret-input.ts'
import type { Terminal } from '../terminal.ts'
import type { OperationSpec } from './catalogue.ts'
import { placeholderOf, type Field } from './fields.ts'
import { resolveId } from './names.ts'
import { readValue, type Value } from './read-value.ts'

/** What was typed for an operation. */
export interface Typed {
  /** Each field's occurrences; a field that was not given is absent. */
  readonly texts: ReadonlyMap<Field, readonly string[]>
  readonly secrets: ReadonlyMap<Field, SecretSource>
  /** Names of flags whose fields are to become null. */
  readonly clear: readonly string[]
  readonly bodyFile: string | undefined
}

export interface RequestParts {
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly body: Value | undefined
}

type Draft = { [name: string]: Value | Draft }

/**
 * Checks what can be checked before anything is sent, and reads files and secrets.
 *
 * @returns a function that makes the request, resolving names with the server
 * @throws CliError usage
 */
export async function readInput(
  spec: OperationSpec, fields: readonly Field[], typed: Typed, terminal: Terminal, nowMs: number,
): Promise<(client: Client) => Promise<RequestParts>> {
  const whole = typed.bodyFile === undefined ? null : readBodyFile(typed.bodyFile)
  requireAll(fields.filter((field) => field.kind !== 'secret' && !(field.part === 'body' && whole !== null)), typed)
  const values = new Map<Field, Value>()
  for (const [field, texts] of typed.texts) values.set(field, readValue(field, texts, nowMs))
  for (const flag of typed.clear) values.set(clearable(fields, flag), null)
  for (const field of fields.filter(({ kind }) => kind === 'secret')) {
    const source = typed.secrets.get(field) ?? {}
    const isGiven = source.file !== undefined || source.fd !== undefined
    if (!isGiven && (whole !== null || !field.required)) continue
    values.set(field, revealSecret(await readSecret(terminal, field.path.join(' '), field.flag, source)))
  }
  requireSome(spec, fields, values, whole)
  return async (client) => {
    const resolved = new Map<Field, Value>()
    for (const [field, value] of values) resolved.set(field, await withIds(field, value, client))
    return partsOf(spec, whole, resolved)
  }
}

function requireAll(fields: readonly Field[], typed: Typed): void {
  const missing = fields.filter((field) => field.required && !typed.texts.has(field))
  if (missing.length === 0) return
  throw usageError(
    missing.length === 1 ? 'A flag is missing.' : `${missing.length} flags are missing.`,
    ...missing.map((field) => `--${field.flag} <${placeholderOf(field)}>  ${field.description}`),
  )
}

/** A change says what to change; the server would say it in the words of JSON. */
function requireSome(spec: OperationSpec, fields: readonly Field[], values: ReadonlyMap<Field, Value>, whole: Draft | null): void {
  const least = spec.input.body?.minProperties ?? 0
  if (least === 0 || whole !== null || [...values.keys()].some(({ part }) => part === 'body')) return
  throw usageError(
    'Say what to change. One of these, at least:',
    ...fields.filter(({ part }) => part === 'body').map((field) => `--${field.flag} <${placeholderOf(field)}>  ${field.description}`),
  )
}

function clearable(fields: readonly Field[], flag: string): Field {
  const names = fields.filter(({ nullable }) => nullable)
  const field = names.find((each) => each.flag === flag || each.aliases.includes(flag))
  if (field === undefined) throw usageError(`--clear takes one of: ${names.map((each) => each.flag).join(', ')}.`)
  return field
}

async function withIds({ idPrefix }: Field, value: Value, client: Client): Promise<Value> {
  if (idPrefix === null) return value
  if (typeof value === 'string') return resolveId(idPrefix, value, client)
  if (!Array.isArray(value)) return value
  return Promise.all((value as readonly Value[]).map(async (each) => (typeof each === 'string' ? resolveId(idPrefix, each, client) : each)))
}

/** @throws CliError usage */
function readBodyFile(file: string): Draft {
  let text: string
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw usageError(`--body-file ${file} cannot be read (${errorCode(error) ?? 'unknown'}).`)
  }
  const value = readJson(text, file)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw usageError(`--body-file ${file} holds no JSON object.`)
  return value as Draft
}

function readJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw usageError(`--body-file ${file} is not JSON.`)
  }
}

function partsOf(spec: OperationSpec, whole: Draft | null, values: ReadonlyMap<Field, Value>): RequestParts {
  const params: Record<string, string> = {}
  const query: Record<string, string> = {}
  const body: Draft = structuredClone(whole ?? {})
  for (const [{ part, path }, value] of values) {
    const [name = ''] = path
    if (part === 'params') params[name] = typeof value === 'string' ? value : JSON.stringify(value)
    else if (part === 'query') query[name] = Array.isArray(value) ? value.join(',') : typeof value === 'object' ? JSON.stringify(value) : String(value)
    else setAt(body, path, value)
  }
  return { path: fillPath(spec.path, params), query, body: spec.input.body === undefined ? undefined : body }
}

function setAt(target: Draft, path: readonly string[], value: Value): void {
  const [name = '', ...rest] = path
  if (rest.length === 0) {
    target[name] = value
    return
  }
  const next = target[name]
  const inner: Draft = typeof next === 'object' && next !== null && !Array.isArray(next) ? (next as Draft) : {}
  target[name] = inner
  setAt(inner, rest, value)
}

/** `{path*}` keeps its slashes. */
const fillPath = (template: string, params: Readonly<Record<string, string>>): string =>
  template.replaceAll(/\{([a-zA-Z]+)(\*?)\}/g, (_whole, name: string, rest: string) => {
    const value = params[name] ?? ''
    if (value === '' || value === '.' || value === '..') throw usageError(`<${name}> must not be empty.`)
    return rest === '*' ? value.split('/').map(encodeURIComponent).join('/') : encodeURIComponent(value)
  })
