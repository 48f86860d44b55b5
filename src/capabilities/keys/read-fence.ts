/** Changes remembered while somebody reads; beyond it everything read counts as outdated. */
const changesMax = 100_000

/**
 * Read fence: what was read from the database before a change is not remembered after it (K8).
 *
 * A read takes several steps, and a commit may land between them. Whoever reads takes a ticket first, and asks before
 * remembering whether anything it read has changed since.
 */
export class ReadFence {
  /** Counts changes. */
  #now = 0
  /** Tickets from before this are outdated, whatever was read. */
  #floor = 0
  #reading = 0
  /** The last change of each row, while anybody reads. */
  readonly #changedAt = new Map<string, number>()

  /** Before reading. */
  enter(): number {
    this.#reading++
    return this.#now
  }

  /** When what was read is not needed any more. */
  leave(): void {
    this.#reading--
    if (this.#reading === 0) this.#changedAt.clear()
  }

  changed(id: string): void {
    if (this.#reading === 0) return
    if (this.#changedAt.size >= changesMax) this.outdateAll()
    this.#changedAt.set(id, ++this.#now)
  }

  /** Anything may have changed. */
  outdateAll(): void {
    this.#floor = ++this.#now
    this.#changedAt.clear()
  }

  isOutdated(ticket: number, id: string): boolean {
    return ticket < this.#floor || (this.#changedAt.get(id) ?? 0) > ticket
  }
}
