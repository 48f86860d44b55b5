/**
 * Gathering: from recorded uses to what a block, and the counts of keys, are made of. Pure, and done in a thread beside the
 * server's: see `core/jobs/offload.ts`.
 *
 * @module
 */
import { defineWork } from '#core/jobs/offload'
import type { KeyUsageRow } from './tables.ts'
import { readUses, useLine, type Use } from './use.ts'

/** The uses of one environment, or of a workspace where no key was proven. */
export interface UseGroup {
  readonly workspaceId: string
  readonly environmentId: string
  readonly fromMs: number
  readonly toMs: number
  readonly count: number
  readonly denied: number
  readonly sections: readonly { readonly subject: string; readonly text: string }[]
}

export interface GatheredUses {
  /** Of each batch, whether it holds uses as we write them; nothing is taken of one that does not. */
  readonly areReadable: readonly boolean[]
  readonly groups: readonly UseGroup[]
  /** By id. */
  readonly usage: readonly KeyUsageRow[]
}

/** Takes batches of uses, as `use_batches` holds them. */
export const gatherUses = defineWork(import.meta.url, 'gatherUses', (batches: readonly Uint8Array[]): GatheredUses => {
  const read = batches.map(readUses)
  const uses = read.flatMap((of) => of ?? [])
  const byPlace = Map.groupBy(uses, (use) => `${use.workspaceId}\t${use.environmentId}`)
  return { areReadable: read.map((of) => of !== null && of.length > 0), groups: [...byPlace.values()].map(groupOf), usage: usageOf(uses) }
})

function groupOf(uses: readonly Use[]): UseGroup {
  const [{ workspaceId, environmentId }] = uses as [Use]
  return {
    workspaceId, environmentId,
    fromMs: uses.reduce((least, use) => Math.min(least, use.atMs), Infinity),
    toMs: uses.reduce((most, use) => Math.max(most, use.atMs), 0),
    count: countOf(uses),
    denied: countOf(uses.filter((use) => use.code !== 'valid')),
    sections: sectionsOf(uses, environmentId === '' ? workspaceId : environmentId),
  }
}

const countOf = (uses: readonly Use[]): number => uses.reduce((count, use) => count + use.count, 0)

/** One section a holder; uses of keys without one belong to the environment itself. */
function sectionsOf(uses: readonly Use[], ownerId: string): { subject: string; text: string }[] {
  const bySubject = Map.groupBy(uses, (use) => (use.holderId === '' ? ownerId : use.holderId))
  return [...bySubject].map(([subject, group]) => ({ subject, text: group.map(useLine).join('') }))
}

function usageOf(uses: readonly Use[]): KeyUsageRow[] {
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
  return [...rows].sort(byId).map(([id, { last, valid, denied }]) => ({ id, version: 1, last_used_at_ms: last, valid_count: valid, denied_count: denied }))
}

const byId = ([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number => (one < other ? -1 : 1)
