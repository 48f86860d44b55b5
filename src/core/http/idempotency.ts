/**
 * Idempotency keys: a write that is sent again has its effect once, and the same answer.
 *
 * Invariant H5: the answer is stored in the commit of the write itself, so there is never one without the other, and two
 * requests at the same time cannot both commit: the second finds the first one's row, and answers what that says.
 * Invariant H6: what a schema marks secret is not stored and not replayed.
 * Invariant H13: what an answer says of a person is erased with the person. Its row stays, so that the write keeps its one
 * effect, and a repetition hears that the answer is gone.
 *
 * @module
 */
import type { IncomingMessage } from 'node:http'
import { canonicalJson, type JsonValue } from '#core/base/json'
import { sha256 } from '#core/crypto/hash'
import { CommitConflict, emptyCommit, type RowWrite } from '#core/storage/commit'
import type { Migration, ReadableStorage, Storage } from '#core/storage/storage'
import { defineTable, type RowBase } from '#core/storage/table'
import type { ServerContext } from './context.ts'
import { httpFaults } from './faults.ts'
import type { Input } from './input.ts'
import type { Caller } from './operation.ts'
import type { Answer } from './perform.ts'
import { versionHeader } from './precondition.ts'
import type { Route } from './route.ts'
import { invalidInput } from './validation.ts'

export const idempotencyKeptMs = 24 * 3_600_000

interface IdempotencyRow extends RowBase {
  /** SHA-256 of the request, base64url; '' once the answer was erased, since a request could be guessed from it. */
  readonly request_digest: string
  readonly status: number
  /** The answer without its secrets. */
  readonly output: string
  readonly entry_id: string
  readonly created_at_ms: number
  /** Whom the answer is about: an id, or '' when it says nothing that may have to be erased, or was erased. */
  readonly subject: string
}

interface IdempotencyDatabase {
  readonly idempotency_keys: IdempotencyRow
}

export const idempotencyTable = defineTable<IdempotencyRow>('idempotency_keys', {
  columns: { request_digest: 'text', status: 'integer', output: 'json', entry_id: 'text', created_at_ms: 'integer', subject: 'text' },
})

export const idempotencyMigration: Migration = {
  id: 'http/0001-idempotency',
  statements: ({ text, integer }) => [
    `CREATE TABLE idempotency_keys (id ${text} PRIMARY KEY, version ${integer} NOT NULL, request_digest ${text} NOT NULL,
      status ${integer} NOT NULL, output ${text} NOT NULL, entry_id ${text} NOT NULL, created_at_ms ${integer} NOT NULL,
      subject ${text} NOT NULL)`,
    'CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at_ms)',
    `CREATE INDEX idempotency_keys_subject ON idempotency_keys (subject, id) WHERE subject <> ''`,
  ],
}

/** 1 to 128 visible ASCII characters. */
const keyShape = /^[\x21-\x7e]{1,128}$/

/** The request's `Idempotency-Key`, or null. @throws Fault http/invalid-input */
export function idempotencyKeyOf(request: IncomingMessage): string | null {
  const header = request.headers['idempotency-key']
  if (header === undefined) return null
  if (typeof header !== 'string' || !keyShape.test(header)) {
    throw invalidInput([{ pointer: 'header.idempotency-key', detail: 'Must be 1 to 128 visible ASCII characters.' }])
  }
  return header
}

/** One keyed request. */
export interface Replay {
  /** Its row's. */
  readonly id: string
  /** The answer that this request already had, or null. @throws Fault http/idempotency-mismatch, http/answer-erased */
  find(): Promise<Answer | null>
  /** The row that keeps the answer, to be committed with the write. Call `find` before. `subject`: whom it is about, or ''. */
  writeFor(answer: { status: number; output: unknown; subject: string }, entryId: string, atMs: number): RowWrite
}

export function createReplay({ storage, clock }: ServerContext, route: Route, caller: Caller, input: Input, key: string, ifMatch: number | null): Replay {
  const { operation } = route
  const id = digestOf([caller.workspaceId, caller.principalId, operation.id, key])
  const { params, query, body } = input
  // Input was read from JSON, or from an address as text, numbers and booleans. The key, which is not stored, goes in too:
  // whoever reads the database cannot try out what a secret in the body may have been.
  const requestDigest = digestOf([key, operation.http, params, query as Readonly<Record<string, JsonValue>>, body, ifMatch])
  /** Of the row that stands there, kept longer than it need be and not purged yet; 0 when there is none. */
  let standingVersion = 0
  return {
    id,
    async find() {
      const row = await storage.reader<IdempotencyDatabase>().selectFrom('idempotency_keys').selectAll().where('id', '=', id).executeTakeFirst()
      standingVersion = row?.version ?? 0
      if (row === undefined || row.created_at_ms <= clock.now() - idempotencyKeptMs) return null
      if (row.request_digest === '') throw httpFaults['answer-erased']('It was done before; its answer was about somebody who was erased since.')
      if (row.request_digest !== requestDigest) {
        throw httpFaults['idempotency-mismatch']('This Idempotency-Key came with another request before. Take a new key for a new request.')
      }
      // Reads see a commit a moment before those hear of it who keep things in memory. Whoever is told that a key is revoked
      // must find it refused, so the answer waits until all have heard: commits are told of in order.
      if (storage.exclusive) await storage.commit({ ...emptyCommit, takesAway: true })
      const headers = ['claviger-audit-entry', row.entry_id, ...versionHeader(route, JSON.parse(row.output)), 'idempotency-replayed', 'true']
      return [row.status, 'application/json', row.output, headers]
    },
    writeFor: ({ status, output, subject }, entryId, atMs) => ({
      kind: standingVersion === 0 ? 'insert' : 'update',
      table: idempotencyTable,
      row: {
        id, version: standingVersion + 1, request_digest: requestDigest, status,
        output: canonicalJson(output as JsonValue), entry_id: entryId, created_at_ms: atMs, subject,
      } satisfies IdempotencyRow,
    }),
  }
}

const digestOf = (value: JsonValue): string => sha256(Buffer.from(canonicalJson(value), 'utf8')).toString('base64url')

const erasedAtOnce = 500
const conflictsMax = 20

/**
 * The writes that erase what stored answers say of `subjects`, some at a time.
 *
 * @param exceptId the row of the erasure itself
 */
export async function answerErasures(storage: ReadableStorage, subjects: readonly string[], exceptId: string): Promise<readonly RowWrite[]> {
  if (subjects.length === 0) return []
  const rows = await storage.reader<IdempotencyDatabase>().selectFrom('idempotency_keys').selectAll()
    .where('subject', 'in', subjects).where('subject', '<>', '').where('id', '<>', exceptId).orderBy('id').limit(erasedAtOnce).execute()
  return rows.map((row): RowWrite => ({
    kind: 'update', table: idempotencyTable,
    row: { ...row, version: row.version + 1, request_digest: '', output: 'null', subject: '' } as IdempotencyRow,
  }))
}

/**
 * The rest of them, when there are more than one commit takes. The erasure itself is committed by now, so nothing that
 * goes wrong here undoes it; what stays ends with its 24 hours.
 */
export async function eraseAnswers(storage: Storage, atMs: number, subjects: readonly string[], exceptId: string): Promise<void> {
  for (let conflicts = 0; conflicts < conflictsMax; ) {
    const writes = await answerErasures(storage, subjects, exceptId)
    if (writes.length === 0) return
    try {
      await storage.commit({ ...emptyCommit, atMs, writes, takesAway: true, erases: true })
    } catch (error) {
      // One of them was purged, or its key taken for another request, in between.
      if (!(error instanceof CommitConflict)) throw error
      conflicts++
    }
  }
}

const purgedAtOnce = 500

/** Deletes rows that are older than a key is kept, some at a time. @returns how many */
export async function purgeIdempotencyKeys(storage: Storage, nowMs: number): Promise<number> {
  const rows = await storage.reader<IdempotencyDatabase>().selectFrom('idempotency_keys').select(['id', 'version'])
    .where('created_at_ms', '<=', nowMs - idempotencyKeptMs).orderBy('created_at_ms').limit(purgedAtOnce).execute()
  if (rows.length === 0) return 0
  const writes = rows.map(({ id, version }): RowWrite => ({ kind: 'delete', table: idempotencyTable, id, version: version + 1 }))
  await storage.commit({ atMs: nowMs, expects: [], writes, appends: [], takesAway: true })
  return rows.length
}
