/**
 * Blocks of uses, held against the entries that committed to them.
 *
 * @module
 */
import type { Entry } from '../entry.ts'
import { sectionsCommitment } from '../sections.ts'
import { sectionsIn } from './records.ts'
import { VerifyProblem } from './problem.ts'
import type { SealedCheck } from './sealed-check.ts'
import type { BlockRecord } from './source.ts'

interface Facts {
  readonly block: string
  readonly environment: string
  readonly uses: number
  readonly denied: number
  readonly from: string
  readonly to: string
  readonly sections: string
}

/** The event of the entries that commit to blocks. */
const blockEvent = 'uses.recorded'
/** A running log cannot cut more blocks than this while its blocks are read. */
const unexplainedMax = 10_000

export class BlockReplay {
  readonly #sealed: SealedCheck | null
  readonly #logged = new Map<string, Facts>()
  readonly #seen = new Set<string>()
  /** Blocks that are there and not logged yet, in the order in which they were found. */
  readonly #unexplained = new Map<string, BlockRecord>()
  #blocks = 0

  /** @param sealed looks at what is sealed in the blocks; null: that cannot be seen */
  constructor(sealed: SealedCheck | null) {
    this.#sealed = sealed
  }

  get blocks(): number {
    return this.#blocks
  }

  /** @throws VerifyProblem */
  apply(index: number, entry: Entry): void {
    if (entry.event !== blockEvent) return
    const facts = factsOf(entry)
    if (facts === null) throw new VerifyProblem('block-facts-malformed', 'entry', index)
    if (this.#logged.has(facts.block)) throw new VerifyProblem('block-logged-twice', 'entry', index)
    this.#logged.set(facts.block, facts)
    const waiting = this.#unexplained.get(facts.block)
    if (waiting === undefined) return
    this.#unexplained.delete(facts.block)
    this.#compare(waiting, facts)
  }

  /** @throws VerifyProblem */
  check(block: BlockRecord): void {
    if (this.#seen.has(block.id)) throw new VerifyProblem('block-repeated', 'block', block.id)
    this.#seen.add(block.id)
    this.#blocks++
    const facts = this.#logged.get(block.id)
    if (facts !== undefined) return this.#compare(block, facts)
    this.#unexplained.set(block.id, block)
    if (this.#unexplained.size > unexplainedMax) this.requireExplained()
  }

  /** Every block has been checked. @throws VerifyProblem when one that was logged was not there */
  finish(): void {
    for (const id of this.#logged.keys()) {
      if (!this.#seen.has(id)) throw new VerifyProblem('block-missing', 'block', id)
    }
  }

  get hasUnexplained(): boolean {
    return this.#unexplained.size > 0
  }

  /** @throws VerifyProblem with the first block that no entry explains */
  requireExplained(): void {
    for (const id of this.#unexplained.keys()) throw new VerifyProblem('block-unknown', 'block', id)
  }

  #compare({ id, environment, uses, from, to, sections }: BlockRecord, facts: Facts): void {
    const parts = sectionsIn(sections)
    if (parts === null) throw new VerifyProblem('block-malformed', 'block', id)
    const isSame = sectionsCommitment(sections) === facts.sections && environment === facts.environment && uses === facts.uses && from === facts.from && to === facts.to
    if (!isSame) throw new VerifyProblem('block-altered', 'block', id)
    for (const part of parts) this.#sealed?.applySection(id, part)
  }
}

function factsOf({ facts, target, workspace }: Entry): Facts | null {
  const { block, uses, denied, from, to, sections } = facts
  if (typeof block !== 'string' || typeof from !== 'string' || typeof to !== 'string' || typeof sections !== 'string') return null
  if (typeof uses !== 'number' || typeof denied !== 'number') return null
  const isCounted = Number.isSafeInteger(uses) && Number.isSafeInteger(denied) && uses > 0 && denied >= 0 && denied <= uses
  // Uses that belong to no environment are the workspace's.
  const environment = target === workspace ? '' : target
  return isCounted && from <= to ? { block, environment, uses, denied, from, to, sections } : null
}
