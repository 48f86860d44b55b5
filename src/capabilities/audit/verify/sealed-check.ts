/**
 * What is sealed, and the keys that open it: that it is there. Entries and blocks commit to it, and nothing of it stands
 * in the tree, so whoever removed it would leave the tree as it is. That it opens, only the key process could tell.
 *
 * @module
 */
import { decodeDetails, isSealed } from '../details.ts'
import type { Entry } from '../entry.ts'
import { VerifyProblem } from './problem.ts'
import type { Section } from './records.ts'
import type { SealedSource } from './source.ts'

/** How many entries wait before what lies beside them is read. */
const entriesPerRead = 256

export class SealedCheck {
  readonly #source: SealedSource
  /** For each entry from `#from` on that was not compared yet: the subjects that it has details of. */
  #waiting: (readonly string[])[] = []
  #from = 0
  readonly #subjects = new Set<string>()
  readonly #erased = new Set<string>()
  /** Subjects without a key that no entry erased until their key was asked for: a later one may have. */
  readonly #missing = new Set<string>()
  #found = 0
  #keys = 0

  constructor(source: SealedSource) {
    this.#source = source
  }

  /** Sealed details and sections that are there. */
  get found(): number {
    return this.#found
  }

  get keys(): number {
    return this.#keys
  }

  /** Every entry, in order. */
  apply(index: number, { details, event, target }: Entry): void {
    if (this.#waiting.length === 0) this.#from = index
    this.#waiting.push(details.map(({ subject }) => subject))
    for (const { subject } of details) this.#subjects.add(subject)
    if (!event.endsWith('.erased')) return
    this.#erased.add(target)
    this.#missing.delete(target)
  }

  /** A section of a block. @throws VerifyProblem */
  applySection(block: string, { mark: { subject, commitment }, detail }: Section): void {
    // Nothing was sealed for a subject that had been erased before its uses were cut.
    if (commitment === '') return
    if (detail?.subject !== subject || !isSealed(detail)) throw new VerifyProblem('block-details-missing', 'block', block)
    this.#subjects.add(subject)
    this.#found++
  }

  get isDue(): boolean {
    return this.#waiting.length >= entriesPerRead
  }

  /** Holds what lies beside the entries that wait against them. @throws VerifyProblem */
  async compare(): Promise<void> {
    const [from, waiting] = [this.#from, this.#waiting]
    this.#waiting = []
    const stored = waiting.length === 0 ? [] : await this.#source.details(from, waiting.length)
    for (const [at, subjects] of waiting.entries()) this.#compareOne(from + at, subjects, stored[at] ?? Buffer.alloc(0))
  }

  #compareOne(index: number, subjects: readonly string[], stored: Uint8Array): void {
    const details = decodeDetails(stored)
    if (details === null) throw new VerifyProblem('details-malformed', 'entry', index)
    for (const [at, subject] of subjects.entries()) {
      const detail = details[at]
      if (detail?.subject !== subject || !isSealed(detail)) throw new VerifyProblem('details-missing', 'entry', index)
    }
    if (details.length > subjects.length) throw new VerifyProblem('details-unknown', 'entry', index)
    this.#found += subjects.length
  }

  /**
   * Holds the keys that are there against what was replayed until now: a log that goes on may bring new subjects, and
   * erase others, while they are read.
   *
   * @throws VerifyProblem
   */
  async readKeys(): Promise<void> {
    await this.compare()
    const [known, erased] = [[...this.#subjects], new Set(this.#erased)]
    const keys = new Set<string>()
    for await (const subject of this.#source.subjectKeys()) {
      if (erased.has(subject)) throw new VerifyProblem('subject-key-kept', 'subject', subject)
      keys.add(subject)
    }
    this.#keys = keys.size
    for (const subject of known) if (!keys.has(subject) && !erased.has(subject)) this.#missing.add(subject)
  }

  get hasUnexplained(): boolean {
    return this.#missing.size > 0
  }

  /** @throws VerifyProblem with the first subject whose key is gone without a word */
  requireExplained(): void {
    for (const subject of this.#missing) throw new VerifyProblem('subject-key-missing', 'subject', subject)
  }
}
