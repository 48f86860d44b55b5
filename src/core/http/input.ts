/**
 * From a request to the input that its operation declared.
 *
 * @module
 */
import type { IncomingMessage } from 'node:http'
import type { JsonValue } from '#core/base/json'
import { parseStrictJson, StrictJsonError } from '#core/base/strict-json'
import { httpFaults } from './faults.ts'
import { hasControlCharacter } from './query.ts'
import type { Route } from './route.ts'
import { invalidInput } from './validation.ts'

/** What the router found in the address. */
export interface Address {
  readonly params: Readonly<Record<string, string>>
  /** What stands after the question mark, undecoded. */
  readonly query: string
}

export interface Input {
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, unknown>>
  readonly body: JsonValue
}

const nothing = Object.freeze({})
/** Nothing else stands in a request target (RFC 9112 §3.2); the rest is percent-encoded, and a fragment is not sent. */
const unencoded = /[^\x21\x22\x24-\x7e]/

/** @throws Fault http/invalid-input, http/malformed-json */
export function readInput(route: Route, address: Address, request: IncomingMessage, body: Uint8Array | null): Input {
  const hasAddressInput = route.paramNames.length > 0 || request.url?.length !== route.path.length
  if (hasAddressInput && unencoded.test(request.url ?? '')) throw httpFaults['bad-request']('Percent-encode the address.')
  return {
    params: route.paramNames.length === 0 ? nothing : readParams(route, address.params),
    query: route.checkQuery === null && address.query === '' ? nothing : readQuery(route, address.query),
    body: body === null ? nothing : readJson(route, body),
  }
}

function readParams(route: Route, found: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const params: Record<string, string> = {}
  for (const name of route.paramNames) {
    const value = found[name] ?? found['*'] ?? ''
    if (hasControlCharacter(value)) throw invalidInput([{ pointer: `path.${name}`, detail: 'Must not have control characters.' }])
    params[name] = value
  }
  route.checkParams?.(params)
  return params
}

function readQuery(route: Route, text: string): Readonly<Record<string, unknown>> {
  const query = route.readQuery(text)
  route.checkQuery?.(query)
  return query
}

function readJson(route: Route, bytes: Uint8Array): JsonValue {
  const body = parsed(bytes)
  route.checkBody?.(body)
  return body
}

function parsed(bytes: Uint8Array): JsonValue {
  try {
    return parseStrictJson(bytes)
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error
    throw httpFaults['malformed-json'](`${error.reason} (line ${error.line}, column ${error.column})`)
  }
}
