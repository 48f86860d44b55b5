/** From a response to an output or an error: strict about what an answer is, tolerant of members it does not know. */
import { ClavigerProblem, ClavigerSecretLost, ClavigerUnavailable, type InputError } from './errors.ts'
import type { AnswerInfo, OperationSpec } from './operation.ts'

export interface Answer {
  readonly output: unknown
  readonly info: AnswerInfo
}

type Members = Readonly<Record<string, unknown>>

/** @throws ClavigerProblem, ClavigerSecretLost; ClavigerUnavailable when it is no answer of Claviger's */
export async function readAnswer(spec: OperationSpec, response: Response, bytesMax: number): Promise<Answer> {
  const bytes = await readBody(spec, response, bytesMax)
  const contentType = (response.headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (response.status !== spec.status) throw refusalOf(spec, response, contentType, bytes)
  if (contentType !== spec.contentType) throw unexpected(spec, response, `its content type is ${JSON.stringify(contentType.slice(0, 80))}`)
  const info = {
    requestId: response.headers.get('claviger-request-id'),
    auditEntryId: response.headers.get('claviger-audit-entry'),
    replayed: response.headers.get('idempotency-replayed') === 'true',
  }
  return { output: readers[spec.answer](spec, response, bytes), info }
}

const readers: Readonly<Record<OperationSpec['answer'], (spec: OperationSpec, response: Response, bytes: Uint8Array) => unknown>> = {
  json: (spec, response, bytes) => {
    const output = membersOf(bytes)
    if (output === null) throw unexpected(spec, response, 'it is not a JSON object')
    if (spec.secrets.some((name) => output[name] === undefined)) {
      if (response.headers.get('idempotency-replayed') === 'true') throw new ClavigerSecretLost(spec.id, output)
      throw unexpected(spec, response, 'it lacks its secret')
    }
    return output
  },
  text: (spec, response, bytes) => {
    const text = textOf(bytes)
    if (text === null) throw unexpected(spec, response, 'it is not UTF-8')
    return text
  },
  bytes: (_spec, _response, bytes) => bytes,
}

const codeShape = /^[a-z][a-z-]{0,62}\/[a-z][a-z0-9-]{0,62}$/

function refusalOf(spec: OperationSpec, response: Response, contentType: string, bytes: Uint8Array): ClavigerProblem | ClavigerUnavailable {
  const problem = contentType === 'application/problem+json' ? membersOf(bytes) : null
  const code = problem?.['code']
  if (problem === null || typeof code !== 'string' || !codeShape.test(code) || response.status < 400) {
    return unexpected(spec, response, `its status is ${response.status}`)
  }
  return new ClavigerProblem(spec.id, {
    code,
    status: response.status,
    title: stringOf(problem['title']),
    detail: stringOf(problem['detail']),
    errors: inputErrorsOf(problem['errors']),
    requestId: response.headers.get('claviger-request-id'),
    retryAfterS: retryAfterOf(response),
  })
}

const unexpected = (spec: OperationSpec, response: Response, what: string): ClavigerUnavailable =>
  new ClavigerUnavailable(spec.id, 'unexpected-answer', `what answered does not speak as Claviger does: ${what}.`, {
    status: response.status, retryAfterS: retryAfterOf(response),
  })

/** Seconds (RFC 9110 §10.2.3); the form with a date is not Claviger's. */
function retryAfterOf(response: Response): number | null {
  const text = response.headers.get('retry-after') ?? ''
  return /^\d{1,6}$/.test(text) ? Number(text) : null
}

const stringOf = (value: unknown): string => (typeof value === 'string' ? value : '')

function inputErrorsOf(value: unknown): readonly InputError[] {
  if (!Array.isArray(value)) return []
  return value.flatMap((item: unknown) => {
    if (!isObject(item)) return []
    return [{ pointer: stringOf(item['pointer']), detail: stringOf(item['detail']) }]
  })
}

const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value)

function membersOf(bytes: Uint8Array): Members | null {
  const text = textOf(bytes)
  if (text === null) return null
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}

/** Reads at most `bytesMax`: what answers may be anybody. */
async function readBody(spec: OperationSpec, response: Response, bytesMax: number): Promise<Uint8Array> {
  if (response.body === null) return new Uint8Array(0)
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = response.body.getReader()
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw new ClavigerUnavailable(spec.id, 'connection', 'the connection broke before the whole answer was there.', { cause })
    })
    if (done) break
    length += value.length
    if (length > bytesMax) {
      // Not awaited: that could take as long as the other side likes.
      reader.cancel().catch(() => {})
      throw unexpected(spec, response, `it is longer than ${bytesMax} bytes`)
    }
    chunks.push(value)
  }
  if (chunks.length === 1) return chunks[0]!
  const all = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    all.set(chunk, offset)
    offset += chunk.length
  }
  return all
}
