/**
 * Subject keys in use: one data key a person, so that erasing one leaves the others readable.
 *
 * Invariant A10: a destroyed key seals and opens nothing more. Opening asks the database each time; for sealing a key is
 * kept for at most a minute, since another server may destroy it, and what was sealed under it by then opens nowhere.
 *
 * @module
 */
import { sealingKey, zero, type SealingKey } from '#core/crypto/aead'
import { subjectKey, type Keyring } from '#core/keyring/keyring'
import type { RowWrite } from '#core/storage/commit'

export interface Subjects {
  /**
   * The key to seal a subject's details under; null when the subject was erased.
   *
   * @param beside writes of the commit that the details belong to, which may bring the key
   */
  keyToSeal(workspaceId: string, subjectId: string, beside?: readonly RowWrite[]): Promise<SealingKey | null>
  /** The key to open them with, asked of the database each time, so that an erasure counts at once and everywhere. */
  keyToOpen(workspaceId: string, subjectId: string): Promise<SealingKey | null>
  forget(workspaceId: string, subjectId: string): void
}

interface KeptKey {
  readonly key: SealingKey
  readonly untilMs: number
}

export const keptKeysMax = 10_000
const keptMs = 60_000

/** @param nowMs of a clock that never goes back */
export function createSubjects(keyring: Keyring, nowMs: () => number = () => performance.now()): Subjects {
  const kept = new Map<string, KeptKey>()

  function keep(id: string, key: SealingKey): void {
    kept.delete(id)
    if (kept.size >= keptKeysMax) kept.delete(kept.keys().next().value as string)
    kept.set(id, { key, untilMs: nowMs() + keptMs })
  }

  async function load(workspaceId: string, subjectId: string, beside?: readonly RowWrite[]): Promise<SealingKey | null> {
    const bytes = await keyring.exportKey(subjectKey(workspaceId, subjectId), beside)
    if (bytes === null) return null
    const key = sealingKey(bytes)
    zero(bytes)
    return key
  }

  return {
    async keyToSeal(workspaceId, subjectId, beside = []) {
      const id = `${workspaceId}/${subjectId}`
      const found = kept.get(id)
      if (found !== undefined && nowMs() < found.untilMs) return found.key
      const stored = await load(workspaceId, subjectId)
      if (stored !== null) {
        keep(id, stored)
        return stored
      }
      kept.delete(id)
      // Not kept: whether the commit that brings it succeeds is not known yet.
      return beside.length === 0 ? null : load(workspaceId, subjectId, beside)
    },
    keyToOpen: (workspaceId, subjectId) => load(workspaceId, subjectId),
    forget: (workspaceId, subjectId) => void kept.delete(`${workspaceId}/${subjectId}`),
  }
}
