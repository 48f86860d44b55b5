/**
 * Requests that are wrong in one way each, derived from an operation's schemas.
 *
 * @module
 */
import type { TSchema } from 'typebox'
import type { JsonObject, JsonValue } from '#core/base/json'
import type { AnyOperation } from '#core/http/operation'
import { compileTest } from '#core/http/validation'
import { pathOf, type Sending } from './exchange.ts'
import { nodeOf, type SchemaNode } from './samples.ts'
import type { Request } from './subject.ts'

export interface Spoiled {
  readonly what: string
  readonly request?: Request
  readonly sending?: Sending
  /** Whether an operation may take it after all: what the schema does not rule out. */
  readonly mayPass: boolean
}

export function spoiled(operation: AnyOperation, request: Request): readonly Spoiled[] {
  return [...headers(operation), ...addresses(operation, request), ...queries(operation, request), ...bodies(operation, request)]
}

function headers({ effect, faults }: AnyOperation): readonly Spoiled[] {
  const header = (what: string, name: string, value: string, mayPass: boolean): Spoiled => ({ what, sending: { headers: { [name]: value } }, mayPass })
  return [
    header('an idempotency key that is too long', 'idempotency-key', 'k'.repeat(129), effect === 'read'),
    header('an idempotency key with a space', 'idempotency-key', 'a b', effect === 'read'),
    header('a weak entity tag', 'if-match', 'W/"1"', effect === 'read'),
    header('any entity tag', 'if-match', '*', effect === 'read'),
    ...(effect === 'write' && !faults.includes('http/precondition-failed') ? [header('a precondition that it would overlook', 'if-match', '"1"', false)] : []),
  ]
}

const badIds = ['x', 'key_', 'zzz_0000000000000000', 'KEY_0000000000000000', `key_${'0'.repeat(400)}`, 'key_00000000000000-0', '..']

function addresses(operation: AnyOperation, request: Request): readonly Spoiled[] {
  const rest = /\{([a-zA-Z]+)\*\}/.exec(operation.http)?.[1]
  return Object.keys(request.params).flatMap((name) => [
    ...(name === rest ? ['', 'x', '0/000/000', 'x'.repeat(65), '../../x', '0//000'] : badIds)
      .map((value): Spoiled => ({ what: `${name} ${JSON.stringify(value.slice(0, 24))}`, request: { ...request, params: { ...request.params, [name]: value } }, mayPass: false })),
    ...['%00', '%ff', '%', '%0a', 'é'].map((text): Spoiled => {
      const path = pathOf(operation, { ...request, params: { ...request.params, [name]: 'PLACE' } }).replace('PLACE', text)
      return { what: `${name} spelled ${text}`, sending: { rawPath: encodeLatin(path) }, mayPass: false }
    }),
  ])
}

/** A request line carries bytes; Node refuses to send others than these. */
const encodeLatin = (path: string): string => path.replaceAll(/[^\x21-\x7e]/g, (character) => Buffer.from(character, 'utf8').toString('latin1'))

const wrongTexts = ['', '%00', '%ff', '%', 'a'.repeat(600), '%0a', '-1', '1e9', '99999999999999999999', 'NaN', '%ed%a0%80', '[]', 'null']

function queries(operation: AnyOperation, request: Request): readonly Spoiled[] {
  const properties = operation.input.query === undefined ? {} : (nodeOf(operation.input.query).properties ?? {})
  return Object.entries(properties).flatMap(([name, node]) => {
    const without = { ...request, query: Object.fromEntries(Object.entries(request.query).filter(([other]) => other !== name)) }
    const path = pathOf(operation, without)
    const given = (text: string): string => `${path}${path.includes('?') ? '&' : '?'}${name}=${text}`
    return [
      ...wrongTexts.map((text): Spoiled => ({ what: `query.${name}=${text.slice(0, 24)}`, sending: { rawPath: given(text) }, mayPass: mayBe(node, text) })),
      { what: `query.${name} twice`, sending: { rawPath: `${given('1')}&${name}=1` }, mayPass: false },
    ]
  })
}

const unreadable: ReadonlySet<string> = new Set(['%00', '%ff', '%', '%0a', '%ed%a0%80'])

/** Whether the schema allows what the text means. */
const mayBe = (node: SchemaNode, text: string): boolean => {
  const value = node.type === 'string' || node.enum !== undefined ? text : Number(text)
  return !unreadable.has(text) && compileTest(node as TSchema)(value)
}

const deep = (levels: number): JsonValue => (levels === 0 ? 1 : [deep(levels - 1)])

function bodies(operation: AnyOperation, request: Request): readonly Spoiled[] {
  if (operation.input.body === undefined || request.body === null) return []
  const { body } = request
  const raw = (what: string, rawBody: string | Uint8Array, more: Readonly<Record<string, string>> = {}): Spoiled => ({ what, sending: { rawBody, headers: more }, mayPass: false })
  const text = JSON.stringify(body)
  return [
    raw('no JSON', '{'), raw('an empty body', ''), raw('an array', '[]'), raw('null', 'null'), raw('a text', '"text"'),
    raw('bytes that are not UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d)), raw('a byte order mark', `\ufeff${text}`),
    raw('two documents', `${text}${text}`), raw('a prototype', '{"__proto__":{"a":1}}'), raw('deep nesting', JSON.stringify({ unknown: deep(100) })),
    raw('a body that is too large', `{"unknown":"${'x'.repeat(300_000)}"}`), raw('a form', 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }),
    raw('no content type', text, { 'content-type': '' }), raw('a compressed body', text, { 'content-encoding': 'gzip' }),
    // What changes nothing would raise a version, and stand in the log as a change.
    ...(operation.http.startsWith('PATCH ') ? [raw('no change', '{}')] : []),
    ...members(operation, request, body),
  ]
}

/** Every member the schema knows, with values that it should not have. */
function members(operation: AnyOperation, request: Request, body: JsonObject): readonly Spoiled[] {
  const { properties = {}, required = [] } = nodeOf(operation.input.body ?? ({} as never))
  return Object.entries(properties).flatMap(([name, node]) => {
    const { [name]: _, ...rest } = body
    const known = JSON.stringify(rest).slice(1, -1)
    const raw = (what: string, value: string): Spoiled =>
      ({ what: `${name}: ${what}`, sending: { rawBody: `{${JSON.stringify(name)}:${value}${known === '' ? '' : ','}${known}}` }, mayPass: false })
    return [
      ...(required.includes(name) ? [{ what: `without ${name}`, request: { ...request, body: rest }, mayPass: false }] : []),
      ...wrongValues(node).map(([what, value]): Spoiled => ({ what: `${name}: ${what}`, request: { ...request, body: { ...body, [name]: value } }, mayPass: false })),
      raw('twice', `1,${JSON.stringify(name)}:1`), raw('a lone surrogate', '"\\ud800"'), raw('NUL', '"a\\u0000b"'), raw('a raw control character', '"a\u0001b"'),
      raw('a number that a double rounds', '9007199254740993'), raw('a number beyond doubles', '1e999'),
    ]
  })
}

function wrongValues(node: SchemaNode): readonly (readonly [what: string, value: JsonValue])[] {
  const nodes = node.anyOf ?? [node]
  const types = new Set(nodes.map(({ type }) => type))
  const longest = nodes.find(({ maxLength }) => maxLength !== undefined)?.maxLength
  return [
    ...(types.has('string') ? [] : [['a text', 'x'] as const]),
    ...(types.has('integer') || types.has('number') ? [['a huge number', 1e300] as const, ['a fraction', 0.5] as const] : [['a number', 7] as const]),
    ...(types.has('boolean') ? [] : [['a truth', true] as const]),
    ...(types.has('null') ? [] : [['null', null] as const]),
    ...(types.has('array') ? [['an array of nonsense', [{}]] as const, ['an endless array', Array<JsonValue>(9_000).fill('x')] as const] : [['an array', []] as const]),
    ...(types.has('object') ? [] : [['an object', {}] as const]),
    ...(longest === undefined ? [] : [['a text that is too long', 'x'.repeat(longest + 1)] as const]),
  ]
}
