/**
 * From an operation and its input to a request over real HTTP, and what is kept of every answer.
 *
 * @module
 */
import { Agent } from 'node:http'
import type { JsonValue } from '#core/base/json'
import { routeOf, type AnyOperation } from '#core/http/operation'
import { secretFieldsOf } from '#core/telemetry/redact'
import { call } from '../support/instance.ts'
import type { Answer, Request, Subject } from './subject.ts'

/** Thousands of requests: each connection carries many. */
const connections = new Agent({ keepAlive: true })

export interface Sending {
  /** The home workspace's owner when absent; null: none is sent. */
  readonly credential?: string | null
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as they are, in place of what the request says. */
  readonly rawPath?: string
  readonly rawBody?: string | Uint8Array
}

export async function send(subject: Subject, operation: AnyOperation, request: Request, { credential, headers = {}, rawPath, rawBody }: Sending = {}): Promise<Answer> {
  const { method } = routeOf(operation)
  const answer = await call(
    { url: subject.url, ownerSecret: subject.home.owner }, method, rawPath ?? pathOf(operation, request), rawBody ?? request.body ?? undefined,
    { headers, agent: connections, ...(credential === undefined ? {} : { credential }) },
  )
  note(subject, operation, request, answer)
  return answer
}

/** The address, everything percent-encoded. */
export function pathOf(operation: AnyOperation, { params, query }: Request): string {
  const template = operation.http.slice(operation.http.indexOf(' ') + 1)
  const path = template.replaceAll(/\{([a-zA-Z]+)(\*?)\}/g, (_, name: string, rest: string) => {
    const value = params[name] ?? ''
    return rest === '*' ? value.split('/').map(encodeURIComponent).join('/') : encodeURIComponent(value)
  })
  const text = Object.entries(query).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(typeof value === 'string' ? value : JSON.stringify(value))}`).join('&')
  return text === '' ? path : `${path}?${text}`
}

function note({ journal }: Subject, operation: AnyOperation, request: Request, answer: Answer): void {
  const { code } = answer.json
  if (answer.status >= 400 && typeof code === 'string') {
    journal.codes.set(operation.id, (journal.codes.get(operation.id) ?? new Set()).add(code))
  }
  for (const secret of secretsOf(operation, request, answer)) journal.secrets.add(secret)
}

/** What the schemas mark secret in this input and this answer. */
export function secretsOf(operation: AnyOperation, request: Request, answer: Answer): readonly string[] {
  const answered = answer.status < 300 ? valuesOf(answer.json as JsonValue, secretFieldsOf(operation.output)) : []
  const sent = operation.input.body === undefined || request.body === null ? [] : valuesOf(request.body, secretFieldsOf(operation.input.body))
  return [...answered, ...sent]
}

/** Texts of the members with these names, however deep. */
function valuesOf(value: JsonValue, names: ReadonlySet<string>): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, member]: [string, JsonValue]) =>
    names.has(name) && typeof member === 'string' && member !== '' ? [member] : valuesOf(member, names))
}

export const isDone = ({ status }: Answer): boolean => status >= 200 && status < 300

/** An answer without what differs from request to request by nature: its id and the date. */
export function comparable({ status, headers, text }: Answer): object {
  const { date: _, 'claviger-request-id': requestId = '', ...rest } = headers
  return { status, headers: rest, text: text.replaceAll(String(requestId), 'the request') }
}

/** One line about an answer, for a failure. */
export const shown = ({ status, text }: Answer): string => `${status} ${text.slice(0, 600)}`
