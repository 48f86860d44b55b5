/**
 * Use cutter: turns recorded uses into blocks that the audit log commits to.
 *
 * A block holds the uses of one environment, in sections by holder (a consumer; of control-plane credentials, a
 * principal), each sealed under that holder's own key, so that erasing the holder erases its traces while the log still
 * verifies. One leaf names the block, counts it and commits to
 * its sections. Cutting deletes the batch in the same commit, so a batch is cut once, whoever cuts it (K11).
 *
 * Until it is cut, a batch says in the clear from where keys were used. So after an erasure, and after cutting uses of
 * somebody who was erased, what the batches said is removed from the files (S11) once they are cut.
 *
 * @module
 */
import { sql } from 'kysely'
import type { Clock } from '#core/base/clock'
import { toTimestamp } from '#core/base/clock'
import { newId, type Random } from '#core/base/id'
import { inlineOffload, type Offload } from '#core/jobs/offload'
import { CommitConflict, emptyCommit, type RowWrite } from '#core/storage/commit'
import type { Storage } from '#core/storage/storage'
import type { Recorder, SectionSealer } from '#cap/audit'
import { keyUsageTable, useBatchTable, useBlockTable, type KeysDatabase, type UseBatchRow, type UseBlockRow } from './tables.ts'
import { gatherUses, type UseGroup } from './use-gathering.ts'

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

export interface UseCutterServices {
  readonly storage: Storage
  readonly recorder: Recorder
  readonly sections: SectionSealer
  readonly clock: Clock
  readonly random: Random
  /** Where uses are read and grouped: at 20,000 a second that is a quarter of what verifying them takes. */
  readonly offload?: Offload
}

export function createUseCutter({ storage, recorder, sections, clock, random, offload = inlineOffload }: UseCutterServices): UseCutter {
  const unreadable = new Set<string>()
  /** What was deleted is still to be removed from the files. */
  let wipeDue = false
  storage.onCommitted(({ erases, writes }) => {
    if (erases === true && writes.length > 0) wipeDue = true
  })

  async function cutSome(): Promise<number> {
    const found = await readBatches()
    if (found.length === 0) return 0
    const { groups, usage, areReadable } = await offload.run(gatherUses, found.map(({ uses }) => new Uint8Array(uses)))
    const cut = found.filter(({ id }, at) => {
      if (areReadable[at] === false && unreadable.size < unreadableMax) unreadable.add(id)
      return areReadable[at]
    })
    const changes = []
    for (const group of groups) changes.push(await cutBlock(group))
    const [first] = changes
    if (first === undefined) return 0
    // The batches go, and the counts are raised, with the first block's entry; all entries are one commit.
    const shared: RowWrite[] = [...cut.map(deletionOf), { kind: 'merge', table: keyUsageTable, rows: usage }]
    await recorder.recordChanges([{ ...first, writes: [...first.writes, ...shared] }, ...changes.slice(1)])
    return groups.reduce((count, group) => count + group.count, 0)
  }

  /** The oldest batches, whole; those that cannot be read are passed over, so that they hold nobody up. */
  async function readBatches(): Promise<UseBatchRow[]> {
    const reader = storage.reader<KeysDatabase>()
    let select = reader.selectFrom('use_batches').select(['id', sql<number>`length(uses)`.as('size')]).orderBy('id').limit(batchesPerCut)
    if (unreadable.size > 0) select = select.where('id', 'not in', [...unreadable])
    const found: UseBatchRow[] = []
    let bytes = 0
    for (const { id, size } of await select.execute()) {
      bytes += size
      if (found.length > 0 && bytes > bytesPerCut) break
      const batch = await reader.selectFrom('use_batches').selectAll().where('id', '=', id).executeTakeFirst()
      if (batch !== undefined) found.push(batch)
    }
    return found
  }

  async function cutBlock({ workspaceId, environmentId, fromMs, toMs, count, denied, sections: texts }: UseGroup) {
    const id = newId('blk', random)
    const sealed = await sections.seal(workspaceId, id, texts)
    wipeDue ||= sealed.hasErased
    const row: UseBlockRow = {
      id, version: 1, workspace_id: workspaceId, environment_id: environmentId, from_ms: fromMs, to_ms: toMs, use_count: count, sections: sealed.bytes,
    }
    return {
      workspaceId,
      atMs: clock.now(),
      event: 'uses.recorded',
      operation: 'keys.cut-uses',
      actor: { system: 'use-cutter' },
      target: environmentId === '' ? workspaceId : environmentId,
      facts: { block: id, uses: count, denied, from: toTimestamp(fromMs), to: toTimestamp(toMs), sections: sealed.commitment },
      details: [],
      writes: [{ kind: 'insert', table: useBlockTable, row }] as RowWrite[],
      expects: [],
      erases: [],
      takesAway: false,
    }
  }

  async function wipe(): Promise<void> {
    if (!wipeDue) return
    wipeDue = false
    try {
      await storage.commit({ ...emptyCommit, erases: true })
    } catch (error) {
      wipeDue = true
      throw error
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
      await wipe()
      return total
    },
  }
}

const deletionOf = (batch: UseBatchRow): RowWrite => ({ kind: 'delete', table: useBatchTable, id: batch.id, version: batch.version + 1 })
