/**
 * The record of uses, when all of it has been cut into blocks: each use that had to be there is there, once, and says
 * what was answered.
 *
 * @module
 */
import { sql } from 'kysely'
import { demand } from './model.ts'
import { above } from './scene.ts'
import type { Verifiers } from './verifiers.ts'
import type { World } from './world.ts'

interface Recorded {
  readonly code: string
  readonly keyId: string
}

export async function requireUses(world: World, verifiers: Verifiers): Promise<void> {
  const recorded = await recordedUses(world)
  for (const [address, { key, mustBeThere, wasRefused, code }] of verifiers.uses) {
    const found = recorded.get(address) ?? []
    // A batch whose outcome was lost is written again, under the id that it had; where it has been cut meanwhile, that is
    // free again.
    const mayBeRepeated = !mustBeThere && world.plan.servers > 1 && world.plan.chances.lostOutcome > 0
    demand(found.length <= 1 || mayBeRepeated, () => `the use of ${key.id} from ${address} is recorded ${found.length} times`)
    // Where a commit can be applied and its outcome be lost, nobody knows.
    const isKnown = world.plan.servers === 1 && world.plan.brokenWriters === 0
    demand(!wasRefused || !isKnown || found.length === 0, () => `the use of ${key.id} from ${address} was refused, and is recorded`)
    const [use] = found
    demand(use === undefined || code === null || use.code === code, () => `the use of ${key.id} from ${address} was answered ${code}, and is recorded as ${use?.code}`)
    const consumer = above(key, 'consumer')
    // Of an erased consumer nothing can be read any more.
    const isReadable = consumer === null || (consumer.state['erased'] !== true && consumer.open.size === 0)
    demand(!mustBeThere || use !== undefined || !isReadable, () => `the use of ${key.id} from ${address} was answered ${code}, and is not recorded`)
  }
  for (const address of recorded.keys()) demand(verifiers.uses.has(address) || notAsked.has(address), () => `a use from ${address} is recorded that nobody made`)
}

/** Where the clients of the control plane are, whose credentials are used with each request; '' when they are over. */
const notAsked: ReadonlySet<string> = new Set(['203.0.113.7', ''])

interface Line extends Recorded {
  readonly address: string
}

const linesIn = (text: string): readonly Line[] => text.split('\n').slice(0, -1).map((line) => {
  const [, , keyId = '', , , code = '', address = ''] = line.split('\t')
  return { keyId, code, address }
})

/** Those that verifications were told apart by. */
export const addressesIn = (uses: Uint8Array): ReadonlySet<string> =>
  new Set(linesIn(Buffer.from(uses).toString('latin1')).map(({ address }) => address).filter((address) => !notAsked.has(address)))

async function recordedUses(world: World): Promise<ReadonlyMap<string, readonly Recorded[]>> {
  const { rows } = await sql<{ id: string; workspace_id: string; sections: Uint8Array; use_count: number }>`SELECT * FROM use_blocks`.execute(world.real.reader<never>())
  const found = new Map<string, Recorded[]>()
  const [life] = world.lives
  for (const { id, workspace_id: workspaceId, sections } of rows) {
    life!.enter()
    for (const { text } of await world.ended(life!, life!.server!.sections.open(workspaceId, id, sections), 'opening a block')) {
      for (const { keyId, code, address } of linesIn(text)) {
        found.set(address, [...(found.get(address) ?? []), { code, keyId }])
      }
    }
  }
  return found
}
