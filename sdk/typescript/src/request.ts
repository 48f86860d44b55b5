/** From an operation and its input to a request. */
import type { AnyCallOptions, OperationSpec } from './operation.ts'

export type Input = Readonly<Record<string, unknown>>

export interface RequestParts {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly body: string | null
  readonly headers: Readonly<Record<string, string>>
}

/**
 * @throws TypeError for what could not be sent as it is meant: a field that the operation does not have, a missing or
 * impossible path parameter, an option that it does not heed
 */
export function requestOf(spec: OperationSpec, input: Input, options: AnyCallOptions): RequestParts {
  for (const name of Object.keys(input)) {
    if (!isField(spec, name)) throw new TypeError(`${spec.id} has no input ${JSON.stringify(name)}.`)
  }
  const body = spec.body === null ? null : JSON.stringify(pick(input, spec.body))
  return {
    method: spec.method,
    target: `${pathOf(spec, input)}${queryOf(spec, input)}`,
    body,
    headers: {
      accept: `${spec.contentType}, application/problem+json`,
      ...(body === null ? {} : { 'content-type': 'application/json' }),
      ...preconditionOf(spec, options),
      ...(spec.write ? { 'idempotency-key': idempotencyKeyOf(spec, options) } : {}),
    },
  }
}

const isField = ({ params, query, body }: OperationSpec, name: string): boolean =>
  params.includes(name) || query.includes(name) || (body?.includes(name) ?? false)

function pick(input: Input, names: readonly string[]): Input {
  return Object.fromEntries(names.flatMap((name) => (input[name] === undefined ? [] : [[name, input[name]]])))
}

const parameter = /\{([a-zA-Z]+)(\*?)\}/g

function pathOf(spec: OperationSpec, input: Input): string {
  return spec.path.replaceAll(parameter, (_, name: string, rest: string) => {
    const value = input[name]
    if (typeof value !== 'string') throw new TypeError(`${spec.id} takes ${name}, a string.`)
    const segments = rest === '' ? [value] : value.split('/')
    // A URL resolves dot segments, however they are encoded: with one, the request would go to another operation.
    if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) {
      throw new TypeError(`${spec.id}: ${name} cannot be empty, or have an empty, "." or ".." part.`)
    }
    return segments.map((segment) => encodeURIComponent(segment)).join('/')
  })
}

function queryOf(spec: OperationSpec, input: Input): string {
  const pairs = spec.query.flatMap((name) => {
    const value = input[name]
    if (value === undefined) return []
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
      throw new TypeError(`${spec.id} takes ${name}, a string, number or boolean.`)
    }
    return [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`]
  })
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

function preconditionOf(spec: OperationSpec, { ifMatch }: AnyCallOptions): Readonly<Record<string, string>> {
  if (ifMatch === undefined) return {}
  if (!spec.ifMatch) throw new TypeError(`${spec.id} has no precondition; leave ifMatch out.`)
  if (!Number.isSafeInteger(ifMatch) || ifMatch < 1) throw new TypeError('ifMatch is the `version` that you read.')
  return { 'if-match': `"${ifMatch}"` }
}

const idempotencyKeyShape = /^[\x21-\x7e]{1,128}$/

function idempotencyKeyOf(spec: OperationSpec, { idempotencyKey }: AnyCallOptions): string {
  if (idempotencyKey === undefined) return randomKey()
  if (!idempotencyKeyShape.test(idempotencyKey)) throw new TypeError(`${spec.id}: an idempotency key is 1 to 128 visible ASCII characters.`)
  return idempotencyKey
}

/** 128 random bits. Not `randomUUID`, which browsers have in secure contexts only. */
const randomKey = (): string =>
  [...globalThis.crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
