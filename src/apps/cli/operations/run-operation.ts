/**
 * One operation, from what was typed to what is shown.
 *
 * @module
 */
import { Client, isLost } from '../client.ts'
import type { Session } from '../session.ts'
import { CliError, exitCodes, usageError } from '../exit.ts'
import { connectionFor, type CommonOptions } from '../profile/connection.ts'
import { reserveSecretFile, type SecretFile } from '../private-file.ts'
import { writeList } from '../render/list.ts'
import { visible } from '../render/text.ts'
import { idOfItem, type Item } from '../render/values.ts'
import { secretsOf, showAnswer, writeJson, type Showing } from './answer.ts'
import type { OperationSpec } from './catalogue.ts'
import type { Field, JsonSchema } from './fields.ts'
import { readInput, type RequestParts, type Typed } from './input.ts'
import { pagesOf, type Page } from './pages.ts'

export interface OperationOptions extends CommonOptions {
  readonly all?: boolean
  readonly output?: string
  readonly secretFile?: string
  readonly ifMatch?: string
  readonly idempotencyKey?: string
}

/** How many items a list shows unless told otherwise. */
const listDefault = 50

/** The schema of a list's items, or null when the answer is none. */
export function itemSchemaOf(spec: OperationSpec): JsonSchema | null {
  const items = spec.output.properties?.['items']
  return items?.type === 'array' && items.items?.type === 'object' ? items.items : null
}

/** Whether it comes in pages. */
export const isPaged = (spec: OperationSpec): boolean => spec.input.query?.properties?.['cursor'] !== undefined

/** @returns the exit code */
export async function runOperation(
  session: Session, spec: OperationSpec, fields: readonly Field[], typed: Typed, options: OperationOptions,
): Promise<number> {
  const { terminal, signal } = session
  requireKeptSecret(spec, options)
  const makeRequest = await readInput(spec, fields, typed, terminal, session.nowMs())
  const connection = await connectionFor(options, session)
  session.connectedTo(connection.url, connection.profile)
  const client = new Client(connection, signal)
  try {
    const request = await makeRequest(client)
    const itemSchema = itemSchemaOf(spec)
    if (itemSchema !== null && spec.effect === 'read') return await runList(session, client, spec, itemSchema, request, options)
    return await runOne(session, client, spec, request, options)
  } finally {
    client.close()
  }
}

/** `--quiet` prints ids only, so the secret would be gone. */
function requireKeptSecret(spec: OperationSpec, options: OperationOptions): void {
  if (options.quiet !== true || options.json === true || options.secretFile !== undefined || secretsOf(spec).length === 0) return
  throw usageError('--quiet prints the id only, and the secret is told but once.', 'Add --secret-file FILE to keep it.')
}

async function runOne(session: Session, client: Client, spec: OperationSpec, request: RequestParts, options: OperationOptions): Promise<number> {
  const secretFile = options.secretFile === undefined || secretsOf(spec).length === 0 ? null : reserveSecretFile(options.secretFile)
  const showing: Showing = {
    json: options.json === true, quiet: options.quiet === true, output: options.output, secretFile, secretFileName: options.secretFile,
  }
  const headers = headersOf(spec, options)
  session.writing(headers['idempotency-key'] ?? null)
  const answer = await send(client, spec, request, headers, secretFile)
  session.writing(null)
  return showAnswer(session.terminal, spec, answer, showing, session.nowMs())
}

async function send(client: Client, spec: OperationSpec, { path, query, body }: RequestParts, headers: Readonly<Record<string, string>>, secretFile: SecretFile | null) {
  try {
    return await client.send({ method: spec.method, path, query, headers, ...(body === undefined ? {} : { body }) })
  } catch (error) {
    secretFile?.discard()
    if (error instanceof CliError && isLost(error) && headers['idempotency-key'] !== undefined) {
      throw new CliError('unavailable', error.message, [...error.notes, `It may have been done. This repeats it without a second effect: --idempotency-key ${headers['idempotency-key']}`])
    }
    throw error
  }
}

function headersOf(spec: OperationSpec, { ifMatch, idempotencyKey }: OperationOptions): Record<string, string> {
  if (ifMatch !== undefined && !/^"?[1-9][0-9]{0,14}"?$/.test(ifMatch)) throw usageError('--if-match takes the version that you read, such as 3.')
  return {
    ...(spec.effect === 'write' ? { 'idempotency-key': idempotencyKey ?? crypto.randomUUID() } : {}),
    ...(ifMatch === undefined ? {} : { 'if-match': `"${ifMatch.replaceAll('"', '')}"` }),
  }
}

async function runList(
  session: Session, client: Client, spec: OperationSpec, itemSchema: JsonSchema, request: RequestParts, options: OperationOptions,
): Promise<number> {
  const { limit: typedLimit, ...query } = request.query
  const wanted = options.all === true ? Infinity : Number(typedLimit ?? listDefault)
  if (wanted < 1) throw usageError('--limit is 1 at least.')
  const pages: Page[] = []
  const items: Item[] = []
  for await (const page of pagesOf(client, request.path, query, isPaged(spec) ? wanted : null)) {
    pages.push(page)
    items.push(...page.items)
  }
  const nextCursor = pages.at(-1)?.nextCursor ?? null
  showList(session, spec, itemSchema, items, pages, options)
  if (options.json !== true && nextCursor !== null) {
    session.terminal.err.line(session.terminal.err.paint('dim', `More: --all, --limit ${items.length * 2}, or --cursor ${nextCursor}`))
  }
  return exitCodes.ok.code
}

function showList(
  { terminal, nowMs }: Session, spec: OperationSpec, itemSchema: JsonSchema, items: readonly Item[], pages: readonly Page[], options: OperationOptions,
): void {
  const { out, err } = terminal
  if (options.json === true) {
    const [only] = pages
    const isWhole = pages.length === 1 && only !== undefined
    writeJson(out, isWhole ? JSON.parse(only.raw.toString('utf8')) : { items, nextCursor: pages.at(-1)?.nextCursor ?? null }, only?.raw ?? null, isWhole)
    return
  }
  if (options.quiet === true) {
    for (const item of items) out.line(visible(idOfItem(item)))
    return
  }
  if (items.length === 0) {
    err.line(err.paint('dim', `There are no ${spec.id.slice(0, spec.id.indexOf('.'))} to show.`))
    return
  }
  writeList(terminal, itemSchema, items, nowMs())
}
