/**
 * What everything that touches an instance's data stands on: its database, the key process, and the keys in it. A server
 * opens it, and so does a recovery while no server runs.
 *
 * @module
 */
import { createClock, type Clock } from '#core/base/clock'
import type { Random } from '#core/base/id'
import type { KeyProcess } from '#core/crypto/key-process/client'
import { idempotencyMigration } from '#core/http/idempotency'
import { createKeyring, keyringMigration, rowMacKey, type Keyring } from '#core/keyring/keyring'
import { openPostgres } from '#core/storage/postgres/open-postgres'
import { CommitConflict, emptyCommit } from '#core/storage/commit'
import { createRowCache } from '#core/storage/row-cache'
import { createRowGuard, type RowGuard } from '#core/storage/row-guard'
import { openSqlite } from '#core/storage/sqlite/open-sqlite'
import type { Migration, Storage } from '#core/storage/storage'
import { auditMigration } from '#cap/audit'
import { keysMigrations } from '#cap/keys'
import { principalsMigrations } from '#cap/principals'
import { ClockAheadError, createCredibleWall, isFarAhead } from './clock-ahead.ts'

export const migrations: readonly Migration[] = [keyringMigration, idempotencyMigration, auditMigration, ...keysMigrations, ...principalsMigrations]

export interface FoundationOptions {
  readonly database: { readonly engine: 'sqlite'; readonly path: string } | { readonly engine: 'postgres'; readonly connectionString: string; readonly poolSize: number }
  /** @param fresh nothing was ever encrypted in this database, so a missing root key may be made */
  readonly openKeyProcess: (fresh: boolean) => Promise<KeyProcess>
  /** Whether a clock far beyond the last time that was committed is right; false: it is refused. */
  readonly acceptClockAhead?: boolean
  /** Told when the clock of the running program jumps so far ahead that it is not believed. */
  readonly onClockJump?: (believedMs: number, saysMs: number) => void
  readonly random: Random
  readonly wallMs?: () => number
}

export interface Foundations {
  readonly storage: Storage
  readonly keyProcess: KeyProcess
  readonly keyring: Keyring
  readonly guard: RowGuard
  readonly clock: Clock
  readonly random: Random
  close(): Promise<void>
}

/** @throws ClockAheadError. @throws Fault of storage and key process, each with what to do */
export async function openFoundations(options: FoundationOptions): Promise<Foundations> {
  const { random, wallMs = Date.now, onClockJump = () => {} } = options
  const opened: (() => Promise<void>)[] = []
  const close = async (): Promise<void> => {
    for (const end of opened.reverse()) await end()
  }
  try {
    const storage = await openStorage(options)
    opened.push(() => storage.close())
    requireCredibleClock(options, storage.highestTimeMs())
    const keyProcess = await options.openKeyProcess(!(await hasKeys(storage)))
    opened.push(() => keyProcess.close())
    const keyring = createKeyring(storage, keyProcess)
    const guard = createRowGuard(await rowMac(storage, keyring), random, createRowCache(storage))
    const highestMs = storage.highestTimeMs()
    return { storage, keyProcess, keyring, guard, clock: createClock(createCredibleWall(wallMs, highestMs, onClockJump), highestMs), random, close }
  } catch (error) {
    await close()
    throw error
  }
}

function openStorage({ database, wallMs }: FoundationOptions): Promise<Storage> {
  const common = { migrations, ...(wallMs === undefined ? {} : { wallMs }) }
  return database.engine === 'sqlite' ? openSqlite({ ...common, path: database.path }) : openPostgres({ ...common, ...database })
}

/** Before anything is committed. @throws ClockAheadError */
function requireCredibleClock({ acceptClockAhead = false, wallMs = Date.now }: FoundationOptions, highestMs: number): void {
  const nowMs = wallMs()
  if (!acceptClockAhead && isFarAhead(highestMs, nowMs)) throw new ClockAheadError(highestMs, nowMs)
}

interface KeyringDatabase {
  readonly keyring: { readonly id: string }
}

const hasKeys = async (storage: Storage): Promise<boolean> =>
  (await storage.reader<KeyringDatabase>().selectFrom('keyring').select('id').limit(1).executeTakeFirst()) !== undefined

/** The key that guards rows: made by whichever server comes first. */
async function rowMac(storage: Storage, keyring: Keyring): Promise<Buffer> {
  if (!(await keyring.has(rowMacKey))) {
    const draft = keyring.draft()
    await draft.create(rowMacKey)
    try {
      await storage.commit({ ...emptyCommit, writes: draft.writes })
    } catch (error) {
      if (!(error instanceof CommitConflict)) throw error
    }
  }
  const key = await keyring.exportKey(rowMacKey)
  if (key === null) throw new Error('the key that guards rows is gone again')
  return key
}
