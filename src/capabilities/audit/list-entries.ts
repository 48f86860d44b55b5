import { Type } from 'typebox'
import { decodeCursor, encodeCursor } from '#core/http/cursor'
import { exactly, formMark, listLimitDefault, pageOf, pageQuery } from '#core/http/schema'
import { entriesOfTarget, lengthOf, type StoredEntry } from '#core/storage/entry-lookup'
import type { ReadableStorage } from '#core/storage/storage'
import { listedEntryOutput, presentEntry } from './entry-schema.ts'
import { readEntry } from './find.ts'
import { operation } from './operation.ts'
import type { AuditDatabase } from './tables.ts'

/** Entries looked at for one page; a filter that finds less answers a short page and where to go on. */
const scannedMax = 5_000
const entriesPerRead = 250

export const listEntries = operation.read({
  id: 'audit.list-entries',
  summary: 'List audit entries',
  description:
    'The newest first. A page that is filtered by event may be short or empty and still have a `nextCursor`: it looked at 5,000 entries. Details stay closed; `audit get-entry` opens them.',
  http: 'GET /v1/audit/entries',
  permission: 'audit:read',
  existence: 'audit:read',
  roles: ['owner', 'admin', 'operator', 'auditor'],
  criticality: 'none',
  faults: ['http/invalid-cursor', 'storage/tampered'],
  input: {
    query: exactly({
      ...pageQuery,
      target: Type.Optional(Type.String({ pattern: '^[a-z]{3}_[0-9A-Za-z]{16}$', [formMark]: 'an id', maxLength: 20, description: 'Id of what they are about.', examples: ['key_4Fh2kQ9sVbT1xY7z'] })),
      event: Type.Optional(Type.String({ pattern: '^[a-z-]+\\.[a-z-]+$', [formMark]: 'the name of an event', maxLength: 64, description: 'Such as `key.revoked`.', examples: ['key.revoked'] })),
    }),
  },
  output: pageOf(listedEntryOutput),
  async handle({ query }, call, { storage }) {
    const log = call.caller.workspaceId
    const limit = query.limit ?? listLimitDefault
    const length = await lengthOf(storage.reader<never>(), log)
    const [position] = query.cursor === undefined ? [length] : decodeCursor('audit.list-entries', query.cursor, ['number'])
    // A cursor is not signed: nobody is to make the search begin far beyond the log.
    const before = Math.max(0, Math.min(position, length))
    const { found, nextBefore } = await search(storage, log, { before, limit, target: query.target, event: query.event })
    return {
      items: found.map((stored) => presentEntry(readEntry(stored))),
      nextCursor: nextBefore === 0 ? null : encodeCursor('audit.list-entries', [nextBefore]),
    }
  },
})

interface Search {
  readonly before: number
  readonly limit: number
  readonly target: string | undefined
  readonly event: string | undefined
}

/** @returns what was found, and the index that the next page stays below: 0 when there is no more */
async function search(storage: ReadableStorage, log: string, { before, limit, target, event }: Search): Promise<{ found: StoredEntry[]; nextBefore: number }> {
  const found: StoredEntry[] = []
  // Compared as bytes first: reading every leaf as JSON would cost ten times as much.
  const needle = event === undefined ? null : Buffer.from(`"event":${JSON.stringify(event)}`, 'utf8')
  let below = before
  for (let scanned = 0; scanned < scannedMax && below > 0; ) {
    const wanted = needle === null ? limit - found.length + 1 : entriesPerRead
    const rows = await (target === undefined ? newest(storage, log, below, wanted) : entriesOfTarget(storage.reader<never>(), log, target, { before: below, limit: wanted }))
    for (const row of rows) {
      if (needle !== null && (!Buffer.from(row.leaf).includes(needle) || readEntry(row).entry.event !== event)) continue
      if (found.length === limit) return { found, nextBefore: (found.at(-1) as StoredEntry).idx }
      found.push(row)
    }
    if (rows.length < wanted) return { found, nextBefore: 0 }
    scanned += rows.length
    below = (rows.at(-1) as StoredEntry).idx
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { found, nextBefore: below }
}

const newest = (storage: ReadableStorage, log: string, before: number, limit: number): Promise<StoredEntry[]> =>
  storage.reader<AuditDatabase>().selectFrom('entries').selectAll().where('stream', '=', log).where('idx', '<', before)
    .orderBy('idx', 'desc').limit(limit).execute()
