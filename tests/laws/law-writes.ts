/**
 * L2, L6, L9: what a write leaves, once and as a whole, and what a read does not.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { isCommonFault } from '#core/http/common-faults'
import type { AnyOperation } from '#core/http/operation'
import { redactorFor } from '#core/telemetry/redact'
import { isDone, secretsOf, send, shown } from './exchange.ts'
import { Kit } from './kit.ts'
import type { Answer, Request, Subject } from './subject.ts'
import { changesNothing, isGuarded, whatChanges, type LoggedEntry } from './world.ts'

/** L2: a write leaves exactly its entry, about exactly the rows that it wrote. */
export async function leavesItsEntry(subject: Subject, operation: AnyOperation): Promise<void> {
  if (operation.effect === 'read') return
  const request = await new Kit(subject).valid(operation)
  const { result: answer, rows, entries } = await whatChanges(subject, () => send(subject, operation, request))
  assert.ok(isDone(answer), shown(answer))
  assert.equal(answer.status, operation.status)
  const [entry] = entries
  assert.ok(entry !== undefined, 'a write leaves an entry')
  assertSays(subject, operation, entry, answer, request)
  // What reaches into another workspace stands in both logs, the rows in that one's.
  const logs = entries.map(({ workspace }) => workspace)
  assert.equal(new Set(logs).size, logs.length, `one entry a log: ${JSON.stringify(entries.map(({ event, workspace }) => [event, workspace]))}`)
  assert.ok(logs.includes(subject.home.workspaceId), 'the caller\'s own log has it')
  assert.ok(logs.length === 1 || subject.reachesAcross(operation), 'only what reaches across stands in two logs')
  for (const copy of entries) assertSays(subject, operation, copy, null, request)
  const marked = entries.flatMap((one) => one.rows.map(({ table, id, version, digest }) => `${table}/${id}@${digest === '' ? 0 : version}`)).sort()
  assert.deepEqual(rows.filter(isGuarded), marked, 'the entry names every guarded row that was written, and no other')
}

function assertSays(subject: Subject, operation: AnyOperation, entry: LoggedEntry, answer: Answer | null, request: Request): void {
  assert.equal(operation.effect === 'write' && entry.event === operation.event && entry.operation === operation.id, true, `${entry.operation}: ${entry.event}`)
  const { principal = '', key = '', workspace = '' } = entry.actor
  assert.ok(principal.startsWith('prn_') && key.startsWith('key_') && workspace === subject.home.workspaceId, `the actor is who called: ${JSON.stringify(entry.actor)}`)
  if (answer === null) return
  const around = JSON.stringify([request.params, answer.json])
  assert.ok(entry.target !== '' && around.includes(JSON.stringify(entry.target)), `the target ${entry.target} is what the request or the answer names`)
  assert.match(String(answer.headers['claviger-audit-entry']), /^ent_[0-9A-Za-z]{16}$/)
}

/** L2: the answer names the entry that was left. */
export async function namesItsEntry(subject: Subject, operation: AnyOperation): Promise<void> {
  if (operation.effect === 'read') return
  const request = await new Kit(subject).valid(operation)
  const { result: answer, entries } = await whatChanges(subject, () => send(subject, operation, request))
  assert.ok(entries.some(({ id }) => id === answer.headers['claviger-audit-entry']), 'the header claviger-audit-entry names an entry that is there')
}

/** L2: a write that fails leaves nothing: when its input is refused, when it is too late, when the database gives up. */
export async function failsWhole(subject: Subject, operation: AnyOperation): Promise<void> {
  if (operation.effect === 'read') return
  const request = await new Kit(subject).valid(operation)
  if (request.body !== null) {
    const refused = await changesNothing(subject, 'a refused input', () => send(subject, operation, { ...request, body: { ...request.body, unknown: 1 } }))
    assert.equal(refused.status, 400, shown(refused))
  }
  if (operation.faults.includes('http/precondition-failed')) {
    const late = await changesNothing(subject, 'an outdated If-Match', () => send(subject, operation, request, { headers: { 'if-match': '"999999"' } }))
    assert.equal(late.status, 412, shown(late))
  }
  const repair = await subject.breakCommits()
  try {
    const failed = await changesNothing(subject, 'a commit that the database refuses', () => send(subject, operation, request))
    assert.ok(failed.status >= 500 && isCommonFault(String(failed.json['code'])), shown(failed))
  } finally {
    await repair()
  }
  const done = await send(subject, operation, request)
  assert.ok(isDone(done), `once the database is well again the same request is done: ${shown(done)}`)
  await mayFailAgain(subject, operation, request)
}

/** The same once more is done again, or refused and leaves nothing. */
async function mayFailAgain(subject: Subject, operation: AnyOperation, request: Request): Promise<void> {
  const { result: again, rows, entries } = await whatChanges(subject, () => send(subject, operation, request))
  if (isDone(again)) return
  assert.ok(again.status < 500, shown(again))
  assert.deepEqual([rows, entries.length], [[], 0], `a refusal leaves nothing: ${shown(again)}`)
}

/** L6: a repeated idempotency key has one effect, and the same answer without its secrets. */
export async function repeatsOnce(subject: Subject, operation: AnyOperation): Promise<void> {
  if (operation.effect === 'read') return
  const kit = new Kit(subject)
  const request = await kit.valid(operation)
  const headers = { 'idempotency-key': `law-${kit.number()}-${process.pid}` }
  const first = await send(subject, operation, request, { headers })
  assert.ok(isDone(first), shown(first))
  const again = await changesNothing(subject, 'a repeated idempotency key', () => send(subject, operation, request, { headers }))
  assertReplays(operation, request, first, again)

  const other = await kit.valid(operation)
  if (JSON.stringify(other) !== JSON.stringify(request)) {
    const mismatch = await changesNothing(subject, 'an idempotency key of another request', () => send(subject, operation, other, { headers }))
    assert.equal(mismatch.json['code'], 'http/idempotency-mismatch', shown(mismatch))
  }
  await repeatsOnceAtOnce(subject, operation)
}

function assertReplays(operation: AnyOperation, request: Request, first: Answer, again: Answer): void {
  assert.equal(again.headers['idempotency-replayed'], 'true', shown(again))
  assert.equal(again.status, first.status)
  assert.equal(again.headers['claviger-audit-entry'], first.headers['claviger-audit-entry'])
  assert.deepEqual(again.json, redactorFor(operation.output)(first.json), 'the answer is the first one without its secrets')
  for (const secret of secretsOf(operation, request, first)) assert.ok(!again.text.includes(secret), 'no secret is answered twice')
}

/** Two at the same moment are one. */
async function repeatsOnceAtOnce(subject: Subject, operation: AnyOperation): Promise<void> {
  const kit = new Kit(subject)
  const request = await kit.valid(operation)
  const headers = { 'idempotency-key': `law-${kit.number()}-${process.pid}` }
  const { result: answers, entries } = await whatChanges(subject, () => Promise.all([1, 2].map(() => send(subject, operation, request, { headers }))))
  for (const answer of answers) assert.ok(isDone(answer), shown(answer))
  assert.equal(new Set(entries.map(({ workspace }) => workspace)).size, entries.length, 'two requests with one idempotency key, at once, are one')
  assert.equal(new Set(answers.map((answer) => answer.headers['claviger-audit-entry'])).size, 1)
}

/** L9: reads write nothing but uses. */
export async function readsOnly(subject: Subject, operation: AnyOperation): Promise<void> {
  if (operation.effect === 'write') return
  const request = await new Kit(subject).valid(operation)
  const answer = await changesNothing(subject, operation.id, async () => {
    await send(subject, operation, request, { headers: { 'idempotency-key': 'law' } })
    return send(subject, operation, request)
  })
  assert.ok(isDone(answer), shown(answer))
}
