/**
 * Use cutter: turns recorded uses into blocks that the audit log commits to.
 *
 * A block holds the uses of one environment, in sections by holder (a consumer; of control-plane credentials, a
 * principal), each sealed under that holder's own key, so that erasing the holder erases its traces while the log still
 * verifies. One leaf names the block, counts it and commits to
 * its sections. Cutting deletes the batch in the same commit, so a batch is cut once, whoever cuts it (K11).
 *
 * @module
 */
import { sql } from 'kysely'
import type { Clock } from '#core/base/clock'
import { toTimestamp } from '#core/base/clock'
import { newId, type Random } from '#core/base/id'
import { CommitConflict, type RowWrite } from '#core/storage/commit'
import type { Storage } from '#core/storage/storage'
import type { Recorder, SectionSealer } from '#cap/audit'
import { keyUsageTable, useBatchTable, useBlockTable, type KeysDatabase, type UseBatchRow, type UseBlockRow } from './tables.ts'
import { readUses, useLine, type Use } from './use.ts'

export interface UseCutter {
  /** Cuts every batch that is on disk. Resolves with how many uses were cut. */
  cutAll(): Promise<number>
  /** Batches that do not hold uses as we write them: altered outside Claviger. They stay where they are. */
  readonly unreadable: ReadonlySet<string>
}

/**
 * How much one commit cuts: few batches, so that neither the event loop nor the writer is held for long, and a block
 * stays far below what a row can hold. A single batch is cut whole: the recorder bounds it by as much.
 */
const batchesPerCut = 16
const bytesPerCut = 1024 * 1024
const unreadableMax = 1_000
/** Other servers may cut the same batches first, but not for ever. */
const conflictsMax = 20

export function createUseCutter(services: {
  storage: Storage; recorder: Recorder; sections: SectionSealer; clock: Clock; random: Random
}): UseCutter {
  const { storage, recorder, sections, clock, random } = services
  const unreadable = new Set<string>()

  async function cutSome(): Promise<number> {
    const cut = await readBatches()
    if (cut.length === 0) return 0
    const uses = cut.flatMap((batch) => batch.uses)
    const byPlace = Map.groupBy(uses, (use) => `${use.workspaceId}\t${use.environmentId}`)
    const changes = []
    for (const group of byPlace.values()) changes.push(await cutBlock(group))
    const [first] = changes
    if (first === undefined) return 0
    // The batches go, and the counts are raised, with the first block's entry; all entries are one commit.
    const shared: RowWrite[] = [...cut.map(({ batch }) => deletionOf(batch)), ...usageWrites(uses)]
    await recorder.recordChanges([{ ...first, writes: [...first.writes, ...shared] }, ...changes.slice(1)])
    return countOf(uses)
  }

  /** The oldest batches, read whole; those that cannot be read are passed over, so that they hold nobody up. */
  async function readBatches(): Promise<{ batch: UseBatchRow; uses: readonly Use[] }[]> {
    const reader = storage.reader<KeysDatabase>()
    let select = reader.selectFrom('use_batches').select(['id', sql<number>`length(uses)`.as('size')]).orderBy('id').limit(batchesPerCut)
    if (unreadable.size > 0) select = select.where('id', 'not in', [...unreadable])
    const found: { batch: UseBatchRow; uses: readonly Use[] }[] = []
    let bytes = 0
    for (const { id, size } of await select.execute()) {
      bytes += size
      if (found.length > 0 && bytes > bytesPerCut) break
      const batch = await reader.selectFrom('use_batches').selectAll().where('id', '=', id).executeTakeFirst()
      const uses = batch === undefined ? null : readUses(batch.uses)
      if (batch !== undefined && uses !== null && uses.length > 0) found.push({ batch, uses })
      else if (batch !== undefined && unreadable.size < unreadableMax) unreadable.add(id)
    }
    return found
  }

  async function cutBlock(uses: readonly Use[]) {
    const [{ workspaceId, environmentId }] = uses as [Use]
    const id = newId('blk', random)
    const sealed = await sections.seal(workspaceId, id, sectionsOf(uses, environmentId === '' ? workspaceId : environmentId))
    const fromMs = uses.reduce((least, use) => Math.min(least, use.atMs), Infinity)
    const toMs = uses.reduce((most, use) => Math.max(most, use.atMs), 0)
    const row: UseBlockRow = {
      id, version: 1, workspace_id: workspaceId, environment_id: environmentId, from_ms: fromMs, to_ms: toMs,
      use_count: countOf(uses), sections: sealed.bytes,
    }
    return {
      workspaceId,
      atMs: clock.now(),
      event: 'uses.recorded',
      operation: 'keys.cut-uses',
      actor: { system: 'use-cutter' },
      target: environmentId === '' ? workspaceId : environmentId,
      facts: {
        block: id,
        uses: countOf(uses),
        denied: countOf(uses.filter((use) => use.code !== 'valid')),
        from: toTimestamp(fromMs),
        to: toTimestamp(toMs),
        sections: sealed.commitment,
      },
      details: [],
      writes: [{ kind: 'insert', table: useBlockTable, row }] as RowWrite[],
      expects: [],
      erases: [],
      takesAway: false,
    }
  }

  return {
    unreadable,
    async cutAll() {
      let total = 0
      for (let conflicts = 0; conflicts < conflictsMax; ) {
        try {
          const cut = await cutSome()
          if (cut === 0) break
          total += cut
        } catch (error) {
          if (!(error instanceof CommitConflict)) throw error
          conflicts++
        }
        await new Promise((resolve) => setImmediate(resolve))
      }
      return total
    },
  }
}

const countOf = (uses: readonly Use[]): number => uses.reduce((count, use) => count + use.count, 0)

const deletionOf = (batch: UseBatchRow): RowWrite => ({ kind: 'delete', table: useBatchTable, id: batch.id, version: batch.version + 1 })

/** One section a holder; uses of keys without one belong to the environment itself. */
function sectionsOf(uses: readonly Use[], ownerId: string): { subject: string; text: string }[] {
  const bySubject = Map.groupBy(uses, (use) => (use.holderId === '' ? ownerId : use.holderId))
  return [...bySubject].map(([subject, group]) => ({ subject, text: group.map(useLine).join('') }))
}

function usageWrites(uses: readonly Use[]): RowWrite[] {
  const rows = new Map<string, { last: number; valid: number; denied: number }>()
  for (const use of uses) {
    if (use.keyId === '') continue
    let row = rows.get(use.keyId)
    if (row === undefined) rows.set(use.keyId, (row = { last: 0, valid: 0, denied: 0 }))
    if (use.code === 'valid') {
      row.valid += use.count
      row.last = Math.max(row.last, use.atMs)
    } else row.denied += use.count
  }
  return [...rows].map(([id, row]) => ({
    kind: 'merge', table: keyUsageTable,
    row: { id, version: 1, last_used_at_ms: row.last, valid_count: row.valid, denied_count: row.denied },
  }) as RowWrite)
}
