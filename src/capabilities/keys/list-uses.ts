import { sql } from 'kysely'
import { Type } from 'typebox'
import { assert } from '#core/base/assert'
import { toTimestamp } from '#core/base/clock'
import { decodeCursor, encodeCursor } from '#core/http/cursor'
import { exactly, listLimitMax, nullable, pageQuery } from '#core/http/schema'
import { subjectKey } from '#core/keyring/keyring'
import { requireKey } from './find.ts'
import { subjectOf } from './key.ts'
import { keyParams } from './key-schema.ts'
import { operation } from './operation.ts'
import { limitOf, type PageQuery } from './page.ts'
import type { KeysServices } from './services.ts'
import type { KeyRow, UseBlockRow } from './tables.ts'
import { readUses, type Use } from './use.ts'

/** What one request opens at most: then its page ends early, with a cursor to go on from. */
const blocksMax = 64
const blockBytesMax = 8 * 1024 * 1024

const useOutput = exactly({
  at: Type.String(),
  code: Type.String({ description: '`valid`, or the first reason against it.' }),
  clientIp: nullable(Type.String({ description: 'As whoever verified the key passed it.' })),
  permissions: Type.Array(Type.String(), { description: 'What was asked for.' }),
  verifierId: nullable(Type.String({ description: 'The principal that asked; of a credential, its own principal.' })),
  count: Type.Integer({ minimum: 1, description: 'How many. Above 1 only for credentials of the control plane: requests of one moment from one address.' }),
})

export const listUses = operation.read({
  id: 'uses.list',
  summary: 'List the uses of a key',
  description:
    'Every recorded verification of it, from the newest block on, a few seconds behind. A page may end early, even empty: go on while there is a `nextCursor`. `erased` says that its holder was erased, and these records with it.',
  http: 'GET /v1/keys/{keyId}/uses',
  permission: 'uses:read',
  existence: 'keys:read',
  roles: ['owner', 'admin', 'operator', 'auditor'],
  criticality: 'none',
  faults: ['keys/not-found', 'http/invalid-cursor', 'storage/tampered'],
  input: { params: keyParams, query: exactly({ ...pageQuery }) },
  output: exactly({
    items: Type.Array(useOutput, { maxItems: listLimitMax }),
    erased: Type.Boolean(),
    nextCursor: nullable(Type.String()),
  }),
  async handle({ params, query }, call, services) {
    const key = await requireKey(services, call.caller.workspaceId, params.keyId)
    const start = startOf(query)
    const subject = subjectOf(key)
    if (!(await services.keyring.has(subjectKey(key.workspace_id, subject)))) return { items: [], erased: true, nextCursor: null }
    const { uses, next } = await findUses(services, key, subject, start, limitOf(query))
    return {
      items: uses.map(presentUse),
      erased: false,
      nextCursor: next === null ? null : encodeCursor('uses.list', [next.fromMs, next.blockId, next.skip]),
    }
  },
})

/** Where a list goes on: in this block, past `skip` uses; a skip of -1 is past the block. */
interface Position {
  readonly fromMs: number
  readonly blockId: string
  readonly skip: number
}

const newest: Position = { fromMs: Number.MAX_SAFE_INTEGER, blockId: '', skip: -1 }

/** @throws Fault http/invalid-cursor */
function startOf({ cursor }: PageQuery): Position {
  if (cursor === undefined) return newest
  const [fromMs, blockId, skip] = decodeCursor('uses.list', cursor, ['number', 'string', 'number'])
  return { fromMs, blockId, skip }
}

async function findUses(
  services: KeysServices, key: KeyRow, subject: string, start: Position, limit: number,
): Promise<{ readonly uses: readonly Use[]; readonly next: Position | null }> {
  const uses: Use[] = []
  let at = start
  let bytes = 0
  for (let opened = 0; opened < blocksMax && bytes < blockBytesMax; opened++) {
    const block = await blockAt(services, key, at)
    if (block === undefined) return { uses, next: null }
    const resumed = block.id === at.blockId ? Math.max(0, at.skip) : 0
    const found = await usesIn(services, key, subject, block)
    const taken = found.slice(resumed, resumed + limit - uses.length)
    uses.push(...taken)
    bytes += block.sections.length
    const skip = resumed + taken.length < found.length ? resumed + taken.length : -1
    at = { fromMs: block.from_ms, blockId: block.id, skip }
    if (uses.length === limit) return { uses, next: at }
  }
  return { uses, next: at }
}

type FoundBlock = Pick<UseBlockRow, 'id' | 'from_ms' | 'sections'>

/** The newest block that is not past the position, and not from before the key was made. */
async function blockAt({ storage }: KeysServices, key: KeyRow, { fromMs, blockId, skip }: Position): Promise<FoundBlock | undefined> {
  const before = skip === -1 ? sql`id < ${blockId}` : sql`id <= ${blockId}`
  const result = await sql<FoundBlock>`SELECT id, from_ms, sections FROM use_blocks
    WHERE workspace_id = ${key.workspace_id} AND environment_id = ${key.environment_id} AND from_ms <= ${fromMs}
    AND (from_ms < ${fromMs} OR ${before}) AND to_ms >= ${key.created_at_ms}
    ORDER BY from_ms DESC, id DESC LIMIT 1`.execute(storage.reader<never>())
  return result.rows[0]
}

/** Newest first. */
async function usesIn({ sections }: KeysServices, key: KeyRow, subject: string, block: { id: string; sections: Uint8Array }): Promise<Use[]> {
  const [section] = await sections.open(key.workspace_id, block.id, block.sections, subject)
  if (section === undefined) return []
  const uses = readUses(Buffer.from(section.text, 'latin1'))
  assert(uses !== null, 'K11: a section holds the uses that were cut into it')
  return uses.filter((use) => use.keyId === key.id).reverse()
}

const presentUse = (use: Use) => ({
  at: toTimestamp(use.atMs),
  code: use.code,
  clientIp: use.clientIp === '' ? null : use.clientIp,
  permissions: use.permissions === '' ? [] : use.permissions.split(','),
  verifierId: use.verifierId === '' ? null : use.verifierId,
  count: use.count,
})
