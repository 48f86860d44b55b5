/** A small instance for the tests of this room: a real database, real keys, a guarded table of its own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClock, type Clock } from '#core/base/clock'
import { asId, newId, type WorkspaceId } from '#core/base/id'
import { createInlineKeyProcess, type KeyProcess } from '#core/crypto/key-process/client'
import { systemRandom } from '#core/crypto/random'
import type { Caller } from '#core/http/operation'
import type { Act } from '#core/http/ports'
import { createKeyring, keyringMigration, logKey, subjectKey, workspaceKey, type Keyring } from '#core/keyring/keyring'
import { emptyCommit, type RowWrite } from '#core/storage/commit'
import { createRowGuard, type RowGuard } from '#core/storage/row-guard'
import { openSqlite } from '#core/storage/sqlite/open-sqlite'
import { guardColumns, type Migration, type Storage } from '#core/storage/storage'
import { defineTable, type RowBase } from '#core/storage/table'
import { createLogKeys, type LogKeys } from './log-keys.ts'
import type { LogProblem } from './log-problems.ts'
import { createLogReader, type LogReader } from './log-reader.ts'
import { auditMigration } from './migrations/0001-audit.ts'
import { createPublisher, type Publisher } from './publisher.ts'
import { createRecorder, type Change, type Recorder } from './recorder.ts'
import { createSubjects, type Subjects } from './subjects.ts'
import type { HeadRow } from './tables.ts'

export interface GateRow extends RowBase {
  readonly workspace_id: string
  readonly label: string
  readonly secret: Uint8Array | null
}

export const gateTable = defineTable<GateRow>('audit_gates', {
  guarded: true,
  columns: { workspace_id: 'text', label: 'text', secret: { type: 'blob', sensitive: true } },
})

/** Where tests keep heads as they once were. */
export const oldHeadTable = defineTable<HeadRow>('audit_old_heads', {
  columns: { size: 'integer', at_ms: 'integer', checkpoint: 'text', edge: 'blob' },
})

const testMigration: Migration = {
  id: 'test/0001-audit',
  statements: (types) => {
    const { text, integer, blob } = types
    const row = `id ${text} PRIMARY KEY, version ${integer} NOT NULL`
    return [
      `CREATE TABLE audit_gates (${row}, ${guardColumns(types)}, workspace_id ${text} NOT NULL, label ${text} NOT NULL, secret ${blob})`,
      `CREATE TABLE audit_old_heads (${row}, size ${integer} NOT NULL, at_ms ${integer} NOT NULL, checkpoint ${text} NOT NULL, edge ${blob} NOT NULL)`,
    ]
  },
}

export const auditMigrations: readonly Migration[] = [keyringMigration, auditMigration, testMigration]

export interface AuditRoom {
  readonly storage: Storage
  readonly keyProcess: KeyProcess
  readonly keyring: Keyring
  readonly guard: RowGuard
  readonly subjects: Subjects
  readonly recorder: Recorder
  readonly clock: Clock
  readonly keys: LogKeys
  readonly reader: LogReader
  readonly publisher: Publisher
  readonly problems: LogProblem[]
}

/** The rooms over one database; several over the same one are servers beside each other. */
export function openRoom(storage: Storage, options: { keyProcess?: KeyProcess; wallMs?: () => number } = {}): AuditRoom {
  const keyProcess = options.keyProcess ?? createInlineKeyProcess(Buffer.alloc(32, 7))
  const keyring = createKeyring(storage, keyProcess)
  const guard = createRowGuard(Buffer.alloc(32, 9), systemRandom)
  const subjects = createSubjects(keyring)
  const clock = createClock(options.wallMs)
  const keys = createLogKeys(keyring)
  const problems: LogProblem[] = []
  return {
    storage, keyProcess, keyring, guard, subjects, clock, keys, problems,
    recorder: createRecorder({ storage, guard, keyring, subjects, clock, random: systemRandom }),
    reader: createLogReader({ storage, keys }),
    publisher: createPublisher({ storage, keyring, clock, onProblem: (problem) => problems.push(problem) }),
  }
}

export const openMemory = (): Promise<Storage> => openSqlite({ path: ':memory:', migrations: auditMigrations })

/** A database in a file, for what looks at it from outside or opens it again. Its writer's thread is what `core/storage` tests. */
export function temporaryDatabase(): { readonly path: string; open(): Promise<Storage>; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'claviger-audit-'))
  const path = join(directory, 'test.db')
  return {
    path,
    open: () => openSqlite({ path, migrations: auditMigrations, inline: true }),
    remove: () => rmSync(directory, { recursive: true }),
  }
}

/** A workspace as far as this room needs one: its keys, and keys of the subjects named. */
export async function makeWorkspace(room: AuditRoom, subjects: readonly string[] = []): Promise<WorkspaceId> {
  const workspaceId = newId('wsp', systemRandom)
  const draft = room.keyring.draft()
  await draft.create(workspaceKey(workspaceId))
  for (const type of ['log-ed25519', 'log-ml-dsa-44'] as const) await draft.create(logKey(type, workspaceId))
  for (const subject of subjects) await draft.create(subjectKey(workspaceId, subject))
  await room.storage.commit({ ...emptyCommit, writes: draft.writes })
  return workspaceId
}

/** Entries without any meaning, at once: for what only needs a log. */
export async function appendEntries(storage: Storage, stream: string, count: number, text = 'leaf'): Promise<void> {
  for (let left = count; left > 0; left -= 1_000) {
    const appends = Array.from({ length: Math.min(left, 1_000) }, (_, at) => ({
      stream, id: newId('ent', systemRandom), atMs: 1_000, target: '', leaf: Buffer.from(`${text} ${left - at}`), details: Buffer.alloc(0),
    }))
    await storage.commit({ ...emptyCommit, appends })
  }
}

export const personId = (digit: number) => asId('prn', `prn_${String(digit).padStart(16, '0')}`)
export const gateId = (digit: number): string => `api_${String(digit).padStart(16, '0')}`

export const gate = (workspaceId: string, digit: number, version = 1, label = 'a gate'): GateRow => ({
  id: gateId(digit), version, workspace_id: workspaceId, label, secret: null,
})

export const writeGate = (row: GateRow): RowWrite => ({ kind: row.version === 1 ? 'insert' : 'update', table: gateTable, row })

export const changeOf = (workspaceId: string, more: Partial<Change> = {}): Change => ({
  workspaceId, atMs: Date.now(), event: 'gate.opened', operation: 'gates.open', actor: { system: 'test' }, target: gateId(1),
  facts: {}, details: [], writes: [], expects: [], erases: [], takesAway: false, ...more,
})

export const callerOf = (workspaceId: WorkspaceId, permissions: readonly string[] = []): Caller => ({
  workspaceId, principalId: personId(1), keyId: asId('key', 'key_0000000000000001'), permissions: new Set(permissions), expects: [],
})

export const actOf = (workspaceId: WorkspaceId, more: Partial<Act> = {}): Act => ({
  requestId: 'req_0000000000000001', clientIp: '192.0.2.7', userAgent: 'test/1', operation: 'gates.open', event: 'gate.opened', takesAway: false,
  caller: callerOf(workspaceId), atMs: Date.now(), entryId: newId('ent', systemRandom), extraWrites: [],
  decision: { output: {}, target: gateId(1), writes: [], facts: {} }, ...more,
})

/** Resolves when the condition holds; fails after a while. */
export async function eventually(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const deadline = Date.now() + 15_000; ; ) {
    if (await holds()) return
    if (Date.now() > deadline) throw new Error(`never: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
