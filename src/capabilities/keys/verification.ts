/**
 * Verification: the path of every request that a provider protects.
 *
 * Order (each step answers before the next costs anything): shape and checksum, look-up, constant-time comparison, the
 * pure decision of `@claviger/verifier`, the record of the use. A hit in memory runs without waiting for anything.
 *
 * Memory is kept where this process is the database's only writer; elsewhere every verification reads the primary.
 *
 * Invariant K7: a change above keys (consumer, environment, API, workspace) counts for the very next verification.
 * Invariant K8: what was read before a change is never remembered after it (`read-fence.ts`).
 *
 * @module
 */
import {
  createHmacSha256, decide, equalDigest, parseToken, verdictOf,
  type HmacSha256, type ParsedToken, type Verdict, type VerificationRecord, type VerificationRequest,
} from '@claviger/verifier'
import { assert } from '#core/base/assert'
import type { Random } from '#core/base/id'
import type { Commit, RowWrite } from '#core/storage/commit'
import type { RowGuard } from '#core/storage/row-guard'
import type { Storage } from '#core/storage/storage'
import type { Peppers } from './peppers.ts'
import { ReadFence } from './read-fence.ts'
import {
  apiTable, consumerTable, environmentTable, keyTable, workspaceTable, type ConsumerRow, type KeyRow,
} from './tables.ts'
import { VerificationIndex } from './verification-index.ts'
import { createVerificationLoader, restrictionsOf, type AlteredKey, type EnvironmentState, type LoadedKey } from './verification-loader.ts'

/** The outcome; `record` and `environment` are there as soon as the presenter proved to hold the key. */
export interface Verified {
  readonly verdict: Verdict
  readonly record: VerificationRecord | null
  readonly environment: EnvironmentState | null
  readonly consumerId: string | null
  /** Of a key whose rows are not to be believed: the workspace that it says it belongs to. Nobody proved to hold it. */
  readonly alteredIn: string | null
}

export interface Verification {
  /** Verifies a presented token. Synchronous when everything is in memory. */
  verify(token: string, request: VerificationRequest): Verified | Promise<Verified>
  /** Fills the memory from the database in the background; resolves when it is complete, or was stopped. Never rejects. */
  warm(): Promise<void>
  stop(): void
  /** Keys that were refused because their rows are not to be believed; the first thousand of them. */
  readonly tamperedKeys: ReadonlySet<string>
}

const nobody = { record: null, environment: null, consumerId: null, alteredIn: null } as const
const malformed: Verified = { ...nobody, verdict: verdictOf('malformed') }
const notFound: Verified = { ...nobody, verdict: verdictOf('not-found') }

/** Few enough that requests hardly notice: a page takes about 3 ms. */
const warmPageRows = 128
/** How long filling the memory waits when the database does not answer. */
const warmRetryMs = 1_000
/** How often a key is read again that changes each time it is read. */
const rereadsMax = 5
const tamperedKeysMax = 1_000
/** Past this many revoked consumers the memory is filled anew, so that their list does not grow for ever. */
const holderChangesMax = 100_000

export interface VerificationServices {
  readonly storage: Storage
  readonly guard: RowGuard
  readonly peppers: Peppers
  readonly random: Random
  /** Told once of each key whose row, or what it stands under, was altered outside Claviger. */
  readonly onTampered?: (keyId: string) => void
}

export function createVerification(services: VerificationServices): Verification {
  const { storage, peppers } = services
  const loader = createVerificationLoader(storage, services.guard)
  const index = new VerificationIndex()
  const fence = new ReadFence()
  const tamperedKeys = new Set<string>()
  const decoy: HmacSha256 = createHmacSha256(services.random.bytes(32))
  const decoyHash = services.random.bytes(32)
  const digest = Buffer.alloc(32)
  /** Counts changes above keys, so that an environment read before one is not remembered after it. */
  let environmentChanges = 0
  /** Every key is in memory: what is not found there does not exist. */
  let complete = false
  /** A key did not fit, or could not be told: some are not in memory, so it cannot be complete. */
  let overflowed = false
  /** Which filling of the memory is the current one. */
  let warming = 0

  if (storage.exclusive) {
    storage.onCommitted((commit) => follow(commit))
    storage.onForeignWrite(startOver)
    services.guard.onDistrust(startOver)
  }

  function startOver(): void {
    environmentChanges++
    complete = false
    fence.outdateAll()
    index.clear()
    void warm()
  }

  function follow(commit: Commit): void {
    for (const write of commit.writes) {
      if (write.kind === 'merge') continue
      if (write.table === keyTable) followKey(write)
      else if (write.table === consumerTable) followConsumer(write)
      else if (write.table === environmentTable || write.table === apiTable || write.table === workspaceTable) {
        environmentChanges++
        const id = write.kind === 'delete' ? write.id : write.row.id
        index.forgetEnvironments((state) => state.environmentId === id || state.apiId === id || state.workspaceId === id)
      }
    }
  }

  function followKey(write: Exclude<RowWrite, { kind: 'merge' }>): void {
    if (write.kind === 'delete') {
      fence.changed(write.id)
      return index.remove(write.id.slice(4))
    }
    fence.changed(write.row.id)
    const slot = index.find(write.row.id.slice(4))
    // A new key's consumer was active in the same commit; an old key's is what it was. A key that is not in memory yet
    // is read when it is wanted, or by the filling under way.
    const holderStatus = slot === -1 ? 'active' : index.holderStatusOf(slot)
    if (slot !== -1 || write.kind === 'insert') remember({ row: write.row as KeyRow, holderStatus })
  }

  /** Revocation is final, so a consumer that is not revoked says nothing new. */
  function followConsumer(write: Exclude<RowWrite, { kind: 'merge' }>): void {
    if (write.kind === 'delete' || (write.row as ConsumerRow).status === 'active') return
    index.setHolderStatus(write.row.id, 'revoked')
    if (index.holderChanges > holderChangesMax) startOver()
  }

  function remember(loaded: LoadedKey): void {
    if (!index.put(loaded)) doubt()
  }

  /** From now on a key that is not in memory may exist all the same. */
  function doubt(): void {
    overflowed = true
    complete = false
  }

  function verify(text: string, request: VerificationRequest): Verified | Promise<Verified> {
    const token = parseToken(text)
    if (token === null) return malformed
    const slot = storage.exclusive ? index.find(token.id) : -1
    if (slot === -1) {
      const unknown = complete && !tamperedKeys.has(`key_${token.id}`)
      return unknown ? refuseUnknown(text) : verifyFromDatabase(text, token, request)
    }
    const environment = index.environmentOf(slot)
    const hash = environment === null ? undefined : peppers.known(environment.environmentId, index.pepperVersionOf(slot))
    if (environment === null || hash === undefined) return verifyFromDatabase(text, token, request)
    hash.digestInto(text, digest)
    if (!equalDigest(index.hashesOf(slot), index.hashOffsetOf(slot), digest)) return notFound
    const record: VerificationRecord = {
      keyId: `key_${token.id}`,
      status: index.statusOf(slot),
      holderStatus: index.holderStatusOf(slot),
      environmentStatus: environment.environmentStatus,
      apiStatus: environment.apiStatus,
      workspaceStatus: environment.workspaceStatus,
      expiresAtMs: index.expiresAtMsOf(slot),
      environmentId: environment.environmentId,
      restrictions: index.restrictionsOf(slot),
    }
    return { verdict: decide(record, request), record, environment, consumerId: index.consumerIdOf(slot), alteredIn: null }
  }

  /** Costs what a known key with a wrong secret costs. */
  function refuseUnknown(text: string): Verified {
    decoy.digestInto(text, digest)
    equalDigest(decoyHash, 0, digest)
    return notFound
  }

  async function verifyFromDatabase(text: string, token: ParsedToken, request: VerificationRequest): Promise<Verified> {
    const ticket = fence.enter()
    try {
      return await decideFromDatabase(ticket, text, token, request)
    } finally {
      fence.leave()
    }
  }

  async function decideFromDatabase(ticket: number, text: string, token: ParsedToken, request: VerificationRequest): Promise<Verified> {
    const before = environmentChanges
    const loaded = await loader.key(token.id)
    if (loaded === null) return refuseUnknown(text)
    if ('alteredIn' in loaded) return refuseAltered(`key_${token.id}`, loaded)
    const { row } = loaded
    const environment = await loader.environment(row.environment_id)
    if (environment === null) return refuseAltered(row.id, { alteredIn: row.workspace_id })
    assert(row.workspace_id === environment.workspaceId && row.api_id === environment.apiId, 'K2: a key and its environment are of one API and workspace')
    const hash = await peppers.load(environment.workspaceId, environment.environmentId, row.pepper_version)
    if (storage.exclusive) {
      if (!fence.isOutdated(ticket, row.id)) {
        tamperedKeys.delete(row.id)
        // It may be there, and only its environment or pepper was missing.
        if (index.find(token.id) === -1) remember(loaded)
      }
      if (before === environmentChanges) index.setEnvironment(environment)
    }
    hash.digestInto(text, digest)
    if (!equalDigest(Buffer.from(row.hash), 0, digest)) return notFound
    const record: VerificationRecord = {
      keyId: row.id,
      status: row.status,
      holderStatus: loaded.holderStatus,
      environmentStatus: environment.environmentStatus,
      apiStatus: environment.apiStatus,
      workspaceStatus: environment.workspaceStatus,
      expiresAtMs: row.expires_at_ms,
      environmentId: environment.environmentId,
      restrictions: restrictionsOf(row),
    }
    return { verdict: decide(record, request), record, environment, consumerId: row.consumer_id, alteredIn: null }
  }

  function refuseAltered(keyId: string, { alteredIn }: AlteredKey): Verified {
    if (!tamperedKeys.has(keyId)) services.onTampered?.(keyId)
    if (tamperedKeys.size < tamperedKeysMax) tamperedKeys.add(keyId)
    // One more than are listed must not pass for a key that does not exist.
    else if (!tamperedKeys.has(keyId)) doubt()
    return { ...nobody, verdict: verdictOf('tampered'), alteredIn }
  }

  async function warm(): Promise<void> {
    if (!storage.exclusive) return
    const run = ++warming
    complete = false
    overflowed = false
    for (let after: string | null = ''; after !== null; ) {
      const startedMs = performance.now()
      let pauseMs = warmRetryMs
      try {
        after = await warmPage(run, after)
        pauseMs = performance.now() - startedMs
      } catch {
        // The page is tried again; until then what is not in memory is read when it is wanted, and says what is wrong.
      }
      if (run !== warming) return
      // Half of the time belongs to requests.
      if (after !== null) await pause(pauseMs)
      if (run !== warming) return
    }
    complete = !overflowed
  }

  /** @returns the id to go on after, or null at the end */
  async function warmPage(run: number, after: string): Promise<string | null> {
    const changed: string[] = []
    const ticket = fence.enter()
    let page: Awaited<ReturnType<typeof loader.keysAfter>>
    try {
      page = await loader.keysAfter(after, warmPageRows)
      if (run !== warming) return null
      for (const { id, loaded } of page) {
        if (fence.isOutdated(ticket, id)) changed.push(id)
        else learn(id, loaded)
      }
    } finally {
      fence.leave()
    }
    for (const id of changed) await reread(run, id)
    return page.length < warmPageRows ? null : (page.at(-1)?.id ?? null)
  }

  function learn(id: string, loaded: LoadedKey | AlteredKey): void {
    if ('alteredIn' in loaded) refuseAltered(id, loaded)
    else if (index.find(id.slice(4)) === -1) remember(loaded)
  }

  /** A key that was changed while it was read. */
  async function reread(run: number, id: string): Promise<void> {
    for (let attempt = 0; attempt < rereadsMax; attempt++) {
      const ticket = fence.enter()
      try {
        const loaded = await loader.key(id.slice(4))
        if (run !== warming || loaded === null) return
        if (!fence.isOutdated(ticket, id)) return learn(id, loaded)
      } finally {
        fence.leave()
      }
    }
    doubt()
  }

  return { verify, warm, stop: () => { warming++ }, tamperedKeys }
}

const pause = (durationMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, durationMs))
