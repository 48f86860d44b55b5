/**
 * A log as a running server shows it, over its public operations: `logs.get-…`, `logs.list-checkpoints`,
 * `audit.list-rows`, `uses.list-blocks`.
 *
 * @module
 */
import { noteMaxLength, parseTilePath } from '@claviger/verifier'
import type { JsonObject, JsonValue } from '#core/base/json'
import { parseStrictJson, StrictJsonError } from '#core/base/strict-json'
import { VerifyProblem } from './problem.ts'
import { blockOf, rowOf } from './records.ts'
import type { LogSource, RowRecord } from './source.ts'

export interface HttpSourceOptions {
  readonly fetch: typeof fetch
  /** Where the server is, for example `http://localhost:7420`. */
  readonly url: string
  /** May read the log and its rows: an auditor's will do. */
  readonly credential: string
  readonly workspaceId: string
}

/** The server answered, and not with what was asked for. */
export class SourceRefused extends Error {
  override readonly name = 'SourceRefused'
  readonly status: number
  /** The problem's code, '' when the answer was none. */
  readonly code: string
  readonly detail: string
  constructor(path: string, status: number, code: string, detail: string) {
    super(`GET ${path}: ${status} ${code}`.trimEnd())
    this.status = status
    this.code = code
    this.detail = detail
  }
}

const tileMax = 256 * (2 + 65_535)
const pageMax = 64 * 1024 * 1024
/** Rows and checkpoints a page: well within what strict JSON allows in one document. */
const pageLimit = 100

/** @returns a source that throws `SourceRefused` where the server refuses, and whatever `fetch` throws */
export function httpSource({ fetch, url, credential, workspaceId }: HttpSourceOptions): LogSource {
  const log = `/v1/logs/${workspaceId}`
  const base = url.replace(/\/+$/, '')

  async function get(path: string, max: number): Promise<{ readonly status: number; readonly bytes: Buffer }> {
    // A credential goes to the server that it is for, and nowhere that one points to.
    const response = await fetch(base + path, { headers: { authorization: `Bearer ${credential}` }, redirect: 'error' })
    return { status: response.status, bytes: await readBounded(response, path, max) }
  }

  async function need(path: string, max: number): Promise<Buffer> {
    const { status, bytes } = await get(path, max)
    if (status !== 200) throw refused(path, status, bytes)
    return bytes
  }

  async function getObject(path: string): Promise<JsonObject> {
    const value = jsonOf(await need(path, pageMax))
    if (!isObject(value)) throw malformed(path)
    return value
  }

  async function* pages(path: string): AsyncGenerator<JsonValue> {
    for (let cursor = ''; ; ) {
      const page = await getObject(`${path}?limit=${pageLimit}${cursor}`)
      const { items, nextCursor } = page
      if (!isArray(items)) throw malformed(path)
      yield* items
      if (nextCursor === null) return
      if (typeof nextCursor !== 'string') throw malformed(path)
      cursor = `&cursor=${encodeURIComponent(nextCursor)}`
    }
  }

  async function* records<Record>(path: string, read: (item: JsonValue) => Record | null): AsyncGenerator<Record> {
    for await (const item of pages(path)) {
      const record = read(item)
      if (record === null) throw malformed(path)
      yield record
    }
  }

  return {
    isLive: true,
    async vkeys() {
      const path = `${log}/keys`
      const { keys } = await getObject(path)
      if (!isArray(keys)) throw malformed(path)
      return keys.map((key) => {
        const vkey = isObject(key) ? key['verifierKey'] : undefined
        if (typeof vkey !== 'string') throw malformed(path)
        return vkey
      })
    },
    checkpoint: async () => (await need(`${log}/checkpoint`, noteMaxLength)).toString('utf8'),
    async *checkpoints() {
      const newestFirst: string[] = []
      // The server keeps at most some thousands; they come in the other order.
      for await (const note of records(`${log}/checkpoints`, noteOf)) newestFirst.push(note)
      yield* newestFirst.reverse()
    },
    async tile(path) {
      if (parseTilePath(path) === null) return null
      const { status, bytes } = await get(`${log}/${path}`, tileMax)
      if (status === 404) return null
      if (status !== 200) throw refused(`${log}/${path}`, status, bytes)
      return bytes
    },
    rows: () => records('/v1/audit/rows', shownRowOf),
    blocks: () => records('/v1/audit/use-blocks', shownBlockOf),
  }
}

const noteOf = (item: JsonValue): string | null => (isObject(item) && typeof item['checkpoint'] === 'string' ? item['checkpoint'] : null)

function shownRowOf(item: JsonValue): RowRecord | null {
  const row = rowOf(item)
  return row === null || !isObject(item) || typeof item['macHolds'] !== 'boolean' ? row : { ...row, macHolds: item['macHolds'] }
}

function shownBlockOf(item: JsonValue): ReturnType<typeof blockOf> {
  if (!isObject(item)) return null
  const { blockId = null, environmentId = null, uses = null, from = null, to = null, sections } = item
  if (typeof sections !== 'string') return null
  const bytes = Buffer.from(sections, 'base64')
  if (bytes.toString('base64') !== sections) return null
  return blockOf({ id: blockId, environment: environmentId ?? '', uses, from, to, sections: bytes.toString('base64url') })
}

/** Bytes of a body that may not be longer than `max`. */
async function readBounded(response: Response, path: string, max: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > max) throw malformed(path)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function refused(path: string, status: number, bytes: Buffer): SourceRefused {
  const problem = jsonOf(bytes)
  const textOf = (member: 'code' | 'detail'): string => {
    const value = isObject(problem) ? problem[member] : undefined
    return typeof value === 'string' ? value : ''
  }
  return new SourceRefused(path, status, textOf('code'), textOf('detail'))
}

function jsonOf(bytes: Buffer): JsonValue {
  try {
    return parseStrictJson(bytes)
  } catch (error) {
    if (error instanceof StrictJsonError) return null
    throw error
  }
}

const malformed = (path: string) => new VerifyProblem('source-malformed', 'file', path)
const isArray = (value: JsonValue | undefined): value is readonly JsonValue[] => Array.isArray(value)
const isObject = (value: JsonValue | undefined): value is JsonObject => typeof value === 'object' && value !== null && !isArray(value)
