/**
 * Erasing a holder's keys (K13): what of them may tell who the holder was goes with the holder.
 *
 * A name, an address, an origin or a time of day says something of a person, and a key without its restrictions would
 * count from anywhere, so each is revoked in the same write.
 *
 * One entry names every row that its commit writes, so an erasure takes so many keys and no more. Whoever holds more is
 * erased at once, and the rest of the keys, which verify nowhere, by erasing again.
 *
 * A key that somebody gives the holder while the keys are looked through would be passed over, and keep its name for ever.
 * So the erasure counts on the log having said nothing of one, and looks again when it has.
 */
import { assert } from '#core/base/assert'
import { lengthOf } from '#core/storage/entry-lookup'
import { readGuarded } from '#core/storage/guarded-read'
import type { RowWrite, Silence } from '#core/storage/commit'
import type { ReadableStorage } from '#core/storage/storage'
import { eraseKey, holderInFacts, type Holder } from './key.ts'
import { legibleKey } from './legible.ts'
import type { KeysServices } from './services.ts'
import { keyTable, type KeyRow, type KeysDatabase } from './tables.ts'

export const keysErasedMax = 200

export interface KeyErasures {
  /** None when nothing is left. */
  readonly writes: readonly RowWrite[]
  /** One of the rows had been altered: the entry has to say so. */
  readonly tampered: boolean
  /** To be committed with them. */
  readonly silences: readonly Silence[]
}

/** For whoever decides by the keys that somebody has: read before them, and committed with the decision. */
export const noKeyFromNow = async (storage: ReadableStorage, workspaceId: string, holder: Holder): Promise<Silence> =>
  ({ stream: workspaceId, from: await lengthOf(storage.reader<never>(), workspaceId), text: holderInFacts(holder) })

/** What erases what is left of somebody's keys. */
export async function keyErasures(
  { storage, guard }: Pick<KeysServices, 'storage' | 'guard'>, workspaceId: string, holder: Holder, nowMs: number,
): Promise<KeyErasures> {
  const silence = await noKeyFromNow(storage, workspaceId, holder)
  const found = await storage.reader<KeysDatabase>().selectFrom('keys').select('id')
    .where(holder[0], '=', holder[1]).where('workspace_id', '=', workspaceId)
    .where((is) => is.or([is('name', '<>', ''), is('ip_ranges', '<>', '[]'), is('origins', '<>', '[]'), is('time_window', 'is not', null), is('status', '<>', 'revoked')]))
    .orderBy('created_at_ms').orderBy('id').limit(keysErasedMax).execute()
  const writes: RowWrite[] = []
  let tampered = false
  for (const { id } of found) {
    const key = await readGuarded(storage.reader<never>(), guard, keyTable, id)
    assert(key !== null, 'K3: keys are revoked, never deleted')
    tampered ||= !key.genuine
    const row: KeyRow = key.genuine ? key.row : { ...legibleKey(key.row), status: 'active', revoked_at_ms: null, workspace_id: workspaceId }
    writes.push({ kind: 'update', table: keyTable, row: eraseKey(row, nowMs) })
  }
  return { writes, tampered, silences: [silence] }
}
