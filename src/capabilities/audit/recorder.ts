/**
 * Recorder: turns a decision into one commit, in which the change and its entry stand or fall together.
 *
 * Invariant A6: no write without its entry, no entry without its write.
 * Invariant A7: what takes away goes on when details cannot be sealed; what grants does not.
 * Invariant A9: no personal data in a leaf: what an entry is about is named by an id.
 * Invariant A10: an erased person leaves no new traces, also in the entry of the erasure itself.
 * Invariant P6: what an actor decided is committed only while credential, principal and workspace are what they were authenticated as.
 *
 * @module
 */
import { assert } from '#core/base/assert'
import type { Clock } from '#core/base/clock'
import type { SealingKey } from '#core/crypto/aead'
import { newId, type EntryId, type Random } from '#core/base/id'
import type { JsonObject } from '#core/base/json'
import type { Detail } from '#core/http/operation'
import type { Act } from '#core/http/ports'
import { subjectKey, type Keyring } from '#core/keyring/keyring'
import { CommitConflict, type Commit, type Expectation, type LogAppend, type RowWrite, type Silence } from '#core/storage/commit'
import { rowHeadDeleted, type RowGuard } from '#core/storage/row-guard'
import type { Storage } from '#core/storage/storage'
import { detailSaltLength, encodeDetails, sealDetail, type SealedDetail } from './details.ts'
import { encodeEntry, type Actor, type DetailMark, type RowMark } from './entry.ts'
import type { Subjects } from './subjects.ts'

/** One change to be recorded: what an operation decided, or what a part of the system did by itself. */
export interface Change {
  readonly workspaceId: string
  readonly atMs: number
  readonly event: string
  readonly operation: string
  readonly actor: Actor
  readonly target: string
  readonly facts: JsonObject
  readonly details: readonly Detail[]
  readonly writes: readonly RowWrite[]
  readonly expects: readonly Expectation[]
  readonly silences?: readonly Silence[]
  readonly erases: readonly string[]
  readonly takesAway: boolean
}

export interface Recorded {
  readonly entryId: EntryId
  /** The entry's index in the log; null while the sequencer has not come by (several servers on PostgreSQL). */
  readonly index: number | null
}

export interface Recorder {
  /** The port that `core/http` calls for every write operation. */
  record(act: Act): Promise<Recorded>
  /** For what the system does by itself: first start, blocks of uses. All of them are one commit. */
  recordChanges(changes: readonly Change[]): Promise<Recorded>
}

export interface RecorderServices {
  readonly storage: Storage
  readonly guard: RowGuard
  readonly keyring: Keyring
  readonly subjects: Subjects
  readonly clock: Clock
  readonly random: Random
}

/**
 * A decision that is older when it is to be committed is made anew: where the machine slept meanwhile, or its clock was
 * set forward, its entry would come behind much younger ones, and whoever verifies the log takes that for a forgery.
 */
const decisionAgeMaxMs = 30_000
/** How long a taking-away waits for the keys of its details. */
const sealWaitMs = 500
const idShape = /^[a-z]{3}_[0-9A-Za-z]{16}$/

export function createRecorder(services: RecorderServices): Recorder {
  const { storage, guard, keyring, subjects, clock, random } = services

  async function sealDetails(change: Change, entryId: string) {
    const marks: DetailMark[] = []
    const sealed: SealedDetail[] = []
    let withheld = false
    for (const { subject, data } of mergeBySubject(change.details)) {
      if (change.erases.includes(subject)) continue
      const key = await keyOf(change, subject)
      if (key === null) continue
      if (key === 'unavailable') {
        withheld = true
        continue
      }
      const result = sealDetail(key, { workspaceId: change.workspaceId, entryId, subject }, data, random.bytes(detailSaltLength))
      marks.push(result.mark)
      sealed.push(result.detail)
    }
    return { marks, sealed, withheld }
  }

  async function keyOf(change: Change, subject: string): Promise<SealingKey | null | 'unavailable'> {
    const wanted = subjects.keyToSeal(change.workspaceId, subject, change.writes)
    if (!change.takesAway) return wanted
    // Whatever ails the key process, also that it hangs, must not keep a leaked key alive.
    return Promise.race([wanted.catch(() => 'unavailable' as const), unavailableAfter(sealWaitMs)])
  }

  async function append(change: Change, entryId: EntryId, rows: readonly RowMark[]): Promise<LogAppend> {
    const { marks, sealed, withheld } = await sealDetails(change, entryId)
    const leaf = encodeEntry({
      id: entryId, workspace: change.workspaceId, atMs: change.atMs, event: change.event, operation: change.operation,
      actor: change.actor, target: change.target, facts: change.facts, rows, details: marks, ...(withheld ? { withheld } : {}),
    })
    return { stream: change.workspaceId, id: entryId, atMs: change.atMs, target: change.target, leaf, details: encodeDetails(sealed) }
  }

  async function erasures(change: Change): Promise<RowWrite[]> {
    const writes: RowWrite[] = []
    for (const subject of change.erases) {
      const write = await keyring.destroy(subjectKey(change.workspaceId, subject))
      if (write !== null) writes.push(write)
    }
    return writes
  }

  /** @param ids of the entries; the first is the one to tell of */
  async function apply(changes: readonly [Change, ...Change[]], ids: readonly EntryId[]): Promise<Recorded> {
    const writes: RowWrite[] = []
    const appends: LogAppend[] = []
    for (const [at, change] of changes.entries()) {
      assert(change.target === '' || idShape.test(change.target), 'A9: what an entry is about is named by an id')
      const sealed = sealRows(guard, [...change.writes, ...(await erasures(change))])
      writes.push(...sealed.writes)
      appends.push(await append(change, ids[at] as EntryId, sealed.rows))
    }
    const commit: Commit = {
      atMs: changes[0].atMs,
      expects: changes.flatMap((change) => change.expects),
      silences: changes.flatMap((change) => change.silences ?? []),
      writes,
      appends,
      takesAway: changes.every((change) => change.takesAway),
      erases: changes.some((change) => change.erases.length > 0),
    }
    if (clock.now() - commit.atMs > decisionAgeMaxMs) throw new CommitConflict('serialization', 'entries')
    const committed = await storage.commit(commit)
    for (const change of changes) {
      for (const subject of change.erases) subjects.forget(change.workspaceId, subject)
    }
    return { entryId: ids[0] as EntryId, index: committed.indexes[0] ?? null }
  }

  return {
    record(act) {
      const change = changeOf(act)
      const home = act.caller.workspaceId
      // The actor's details belong to the actor's own log and key; another workspace's log gets only ids.
      const actorDetail: Detail = {
        subject: act.caller.principalId,
        data: { ip: act.clientIp, request: act.requestId, ...(act.userAgent === '' ? {} : { userAgent: act.userAgent }) },
      }
      if (change.workspaceId === home) return apply([{ ...change, details: [...change.details, actorDetail] }], [act.entryId])
      // The caller is told of the entry in its own log: the other it may not read.
      const copy: Change = { ...change, workspaceId: home, details: [actorDetail], writes: [], expects: [], silences: [], erases: [] }
      return apply([copy, change], [act.entryId, newId('ent', random)])
    },
    recordChanges(changes) {
      const [first, ...rest] = changes
      assert(first !== undefined, 'A6: what is recorded changes something')
      return apply([first, ...rest], changes.map(() => newId('ent', random)))
    },
  }
}

function changeOf(act: Act): Change {
  const { decision, caller } = act
  return {
    workspaceId: decision.workspaceId ?? caller.workspaceId,
    atMs: act.atMs,
    event: act.event,
    operation: act.operation,
    actor: { principal: caller.principalId, key: caller.keyId, workspace: caller.workspaceId },
    target: decision.target,
    facts: decision.facts,
    details: decision.details ?? [],
    writes: [...decision.writes, ...act.extraWrites],
    expects: [...caller.expects, ...(decision.expects ?? [])],
    silences: decision.silences ?? [],
    erases: decision.erases ?? [],
    takesAway: act.takesAway,
  }
}

/** Seals every guarded row and lists what the entry says of it. */
function sealRows(guard: RowGuard, pending: readonly RowWrite[]): { writes: RowWrite[]; rows: RowMark[] } {
  const rows: RowMark[] = []
  const writes = pending.map((write): RowWrite => {
    if (!write.table.guarded || write.kind === 'merge') return write
    if (write.kind === 'delete') {
      rows.push({ table: write.table.name, id: write.id, version: write.version, digest: rowHeadDeleted })
      return write
    }
    const seal = guard.seal(write.table, write.row)
    const digest = Buffer.from(seal.digest).toString('base64url')
    rows.push({ table: write.table.name, id: write.row.id, version: write.row.version, digest })
    return { ...write, seal }
  })
  return { writes, rows }
}

function mergeBySubject(details: readonly Detail[]): readonly Detail[] {
  if (details.length < 2) return details
  const bySubject = new Map<string, JsonObject>()
  for (const { subject, data } of details) bySubject.set(subject, { ...bySubject.get(subject), ...data })
  return [...bySubject].map(([subject, data]) => ({ subject, data }))
}

const unavailableAfter = (durationMs: number): Promise<'unavailable'> =>
  new Promise((resolve) => setTimeout(resolve, durationMs, 'unavailable' as const).unref())
