/**
 * First start: an empty database gets its first workspace, owner and credential.
 *
 * @module
 */
import type { Clock } from '#core/base/clock'
import type { Random } from '#core/base/id'
import type { Keyring } from '#core/keyring/keyring'
import { CommitConflict } from '#core/storage/commit'
import type { Storage } from '#core/storage/storage'
import type { Change, Recorder } from '#cap/audit'
import { exampleApi, type KeysDatabase } from '#cap/keys'
import { foundWorkspace } from './found-workspace.ts'

export interface FirstStartServices {
  readonly storage: Storage
  readonly keyring: Keyring
  readonly recorder: Recorder
  readonly clock: Clock
  readonly random: Random
}

export interface FirstStart {
  readonly workspaceId: string
  readonly ownerId: string
}

export interface FirstStartOptions {
  /**
   * Puts the owner's credential where its owner finds it. Called before the commit: a crash between the two leaves a file
   * that opens nothing, and the next start writes another; the other way round nobody could get in.
   */
  readonly deliver: (secret: string) => void
  /** Whether to make an API to try things on. */
  readonly exampleApi: boolean
}

const operation = 'first-start'

/**
 * Founds the first workspace, unless there is one.
 *
 * @returns null when the database was founded before, or is founded by another server at this moment
 */
export async function firstStart(services: FirstStartServices, options: FirstStartOptions): Promise<FirstStart | null> {
  const { storage, keyring, recorder, clock, random } = services
  const any = await storage.reader<KeysDatabase>().selectFrom('workspaces').select('id').limit(1).executeTakeFirst()
  if (any !== undefined) return null
  const atMs = clock.now()
  const founded = await foundWorkspace(keyring, { name: 'First workspace', ownerName: 'Owner', isRoot: true, atMs, random, founderId: null })
  options.deliver(founded.secret)
  const founding: Change = {
    workspaceId: founded.workspace.id, atMs, event: 'workspace.created', operation, actor: { system: operation },
    target: founded.workspace.id, facts: founded.facts, details: [], writes: founded.writes, expects: [], erases: [], takesAway: false,
  }
  try {
    await recorder.recordChanges([founding])
  } catch (error) {
    // The index `workspaces_root` lets one server win.
    if (error instanceof CommitConflict && error.kind === 'unique') return null
    throw error
  }
  // A commit of its own: its keys hang under the workspace's, which must be there. A crash in between costs the example.
  if (options.exampleApi) await recorder.recordChanges(await exampleApi(keyring, { workspaceId: founded.workspace.id, atMs, random, operation }))
  return { workspaceId: founded.workspace.id, ownerId: founded.owner.id }
}
