import { sql } from 'kysely'
import { Type } from 'typebox'
import { toTimestamp } from '#core/base/clock'
import { decodeCursor, encodeCursor } from '#core/http/cursor'
import { exactly, idOf, nullable, pageOf, pageQuery } from '#core/http/schema'
import { operation } from './operation.ts'
import { limitOf } from './page.ts'
import type { KeysServices } from './services.ts'
import type { UseBlockRow } from './tables.ts'

/** What one page holds at most, so that a walk over many blocks never gathers them in memory. At least one block. */
const pageBytesMax = 4 * 1024 * 1024

export const listUseBlocks = operation.read({
  id: 'uses.list-blocks',
  summary: 'List blocks of uses',
  description:
    'The blocks that `uses.recorded` entries commit to, by id, so that an auditor can check them against the log. Their sections are sealed, each under the key of the one it is about. A page may end early: go on while there is a `nextCursor`.',
  http: 'GET /v1/audit/use-blocks',
  permission: 'audit:read-rows',
  existence: 'audit:read-rows',
  roles: ['owner', 'admin', 'auditor'],
  criticality: 'none',
  faults: ['http/invalid-cursor'],
  input: { query: exactly({ ...pageQuery }) },
  output: pageOf(exactly({
    blockId: idOf('blk'),
    environmentId: nullable(Type.String({ description: 'Null: presented keys that were malformed or unknown.' })),
    from: Type.String(),
    to: Type.String(),
    uses: Type.Integer(),
    sections: Type.String({ contentEncoding: 'base64', description: 'base64 of the sealed sections, as the commitment covers them.' }),
  })),
  async handle({ query }, { caller }, services) {
    const limit = limitOf(query)
    const [start] = query.cursor === undefined ? [''] : decodeCursor('uses.list-blocks', query.cursor, ['string'])
    const { blocks, more } = await readBlocks(services, caller.workspaceId, start, limit)
    const last = blocks.at(-1)
    return {
      items: blocks.map(presentBlock),
      nextCursor: more && last !== undefined ? encodeCursor('uses.list-blocks', [last.id]) : null,
    }
  },
})

async function readBlocks(
  { storage }: KeysServices, workspaceId: string, start: string, limit: number,
): Promise<{ readonly blocks: readonly UseBlockRow[]; readonly more: boolean }> {
  const blocks: UseBlockRow[] = []
  let after = start
  for (let bytes = 0; blocks.length < limit && bytes < pageBytesMax; ) {
    const result = await sql<UseBlockRow>`SELECT * FROM use_blocks WHERE workspace_id = ${workspaceId} AND id > ${after}
      ORDER BY id LIMIT 1`.execute(storage.reader<never>())
    const [block] = result.rows
    if (block === undefined) return { blocks, more: false }
    blocks.push(block)
    bytes += block.sections.length
    after = block.id
  }
  return { blocks, more: true }
}

const presentBlock = (block: UseBlockRow) => ({
  blockId: block.id,
  environmentId: block.environment_id === '' ? null : block.environment_id,
  from: toTimestamp(block.from_ms),
  to: toTimestamp(block.to_ms),
  uses: block.use_count,
  sections: Buffer.from(block.sections).toString('base64'),
})
