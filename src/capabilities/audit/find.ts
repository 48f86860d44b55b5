/**
 * Look-ups for operations: of the caller's own log, or the fault to answer.
 *
 * Invariant A11: a log is read by its own workspace only. Another's is answered like one that does not exist.
 */
import { Fault } from '#core/base/fault'
import type { Caller } from '#core/http/operation'
import { findEntry, isPending, type StoredEntry } from '#core/storage/entry-lookup'
import { storageFaults } from '#core/storage/faults'
import { decodeEntry, type Entry } from './entry.ts'
import { auditFaults } from './faults.ts'
import type { PublishedLog } from './log-reader.ts'
import type { Publisher } from './publisher.ts'
import type { AuditServices } from './services.ts'

/** How often an entry is looked for that the sequencer has not come to yet. */
const pendingPollMs = 20
const pendingMaxMs = 2_000
const publishMaxMs = 2_000

const pause = (durationMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, durationMs).unref())

/** @throws Fault audit/log-not-found */
export function requireOwnLog(caller: Caller, workspaceId: string): void {
  if (workspaceId !== caller.workspaceId) throw auditFaults['log-not-found']('There is no such log in this workspace.')
}

/** @throws Fault audit/log-not-found, audit/not-yet-published, audit/log-damaged */
export async function requireLog({ publisher, reader }: AuditServices, caller: Caller, workspaceId: string): Promise<PublishedLog> {
  requireOwnLog(caller, workspaceId)
  const log = await reader.open(workspaceId)
  if (log !== null) return log
  await publishSoon(publisher, workspaceId)
  const first = await reader.open(workspaceId)
  if (first === null) throw notYetPublished()
  return first
}

/** Waits up to 2 seconds for a new checkpoint. @throws Fault audit/not-yet-published, audit/log-damaged */
export async function publishSoon(publisher: Publisher, workspaceId: string): Promise<void> {
  try {
    await Promise.race([publisher.publishNow(workspaceId), pause(publishMaxMs)])
  } catch (error) {
    // What is in the way now, the key process or the disk, is the operator's to hear of; the entry itself is safe.
    if (!(error instanceof Fault) || error.code === 'audit/log-damaged') throw error
    throw notYetPublished(error)
  }
}

export const notYetPublished = (cause?: unknown) =>
  auditFaults['not-yet-published']('The next checkpoint will cover it. Ask again in a second.', { retryAfterS: 1, cause })

export interface FoundEntry {
  readonly stored: StoredEntry
  readonly entry: Entry
}

/** An entry of the caller's log. @throws Fault audit/not-found, audit/not-yet-published, storage/tampered */
export async function requireEntry({ storage }: AuditServices, caller: Caller, entryId: string): Promise<FoundEntry> {
  const reader = storage.reader<never>()
  for (const deadlineMs = performance.now() + pendingMaxMs; ; ) {
    const waits = await isPending(storage, caller.workspaceId, entryId)
    const stored = await findEntry(reader, caller.workspaceId, entryId)
    if (stored !== null) return readEntry(stored)
    if (!waits) throw auditFaults['not-found']('There is no such entry in the log of this workspace.')
    if (performance.now() > deadlineMs) throw notYetPublished()
    await pause(pendingPollMs)
  }
}

/** @throws Fault storage/tampered when the leaf is not one that we wrote for this place */
export function readEntry(stored: StoredEntry): FoundEntry {
  const entry = decodeEntry(stored.leaf)
  if (entry === null || entry.id !== stored.id || entry.workspace !== stored.stream || entry.target !== stored.target) {
    throw storageFaults.tampered('An entry of the log was altered outside Claviger. Run `claviger audit verify`.', {
      context: { log: stored.stream, index: stored.idx },
    })
  }
  return { stored, entry }
}
