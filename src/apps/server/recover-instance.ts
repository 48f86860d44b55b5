/**
 * Recovery on the server's machine, while no server runs (SQLite), or beside servers that do (PostgreSQL).
 *
 * @module
 */
import { startKeyProcess } from '#core/crypto/key-process/client'
import { systemRandom } from '#core/crypto/random'
import { createPublisher, createRecorder, createSubjects } from '#cap/audit'
import { createPeppers } from '#cap/keys'
import { recoverOwner, type RecoveredOwner } from '#cap/principals'
import { keyProcessProgram } from '../key-process/program.ts'
// Whose rows the log speaks of, the rooms say that declare them.
import '../operations.ts'
import type { Config } from './config.ts'
import { openFoundations } from './foundations.ts'

export interface InstanceRecovery {
  /** Null: the first workspace. */
  readonly workspaceId: string | null
  readonly deliver: (secret: string) => void
}

/**
 * Opens the data as a server does, which takes the root key and, on SQLite, the lock; issues the credential; and signs a
 * checkpoint over the entry, so that whoever looks next sees it.
 *
 * @throws Fault storage/locked while a server runs, crypto/root-key-… without the root key, and those of `recoverOwner`
 */
export async function recoverInstance(config: Config, { workspaceId, deliver }: InstanceRecovery): Promise<RecoveredOwner> {
  const foundations = await openFoundations({
    database: config.database,
    openKeyProcess: () => startKeyProcess({ program: keyProcessProgram, rootKeyFile: config.rootKeyFile, createIfMissing: false, onEvent() {} }),
    acceptClockAhead: config.acceptClockAhead,
    random: systemRandom,
  })
  try {
    const { storage, guard, keyring, clock, random } = foundations
    const recorder = createRecorder({ storage, guard, keyring, subjects: createSubjects(keyring), clock, random })
    // What it cannot sign now, the next server signs.
    const publisher = createPublisher({ storage, keyring, clock, onProblem() {} })
    publisher.start()
    const recovered = await recoverOwner({ storage, guard, keyring, peppers: createPeppers(keyring), recorder, clock, random }, { workspaceId, deliver })
    await publisher.stop().catch(() => {})
    return recovered
  } finally {
    await foundations.close()
  }
}
