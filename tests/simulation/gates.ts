import type { Dice } from './dice.ts'

type GateKind = 'read' | 'key-process'

interface Waiting {
  readonly kind: GateKind
  readonly open: () => void
}

/** Where the work of one server waits until the scheduler lets it go on, in whatever order the seed says. */
export class Gates {
  readonly #waiting: Waiting[] = []

  pass(kind: GateKind): Promise<void> {
    return new Promise((open) => this.#waiting.push({ kind, open }))
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Lets one of those go on that wait for something of this kind. False when none does. */
  openOne(dice: Dice, isOpen: (kind: GateKind) => boolean): boolean {
    const ready = this.#waiting.filter(({ kind }) => isOpen(kind))
    if (ready.length === 0) return false
    const chosen = dice.pick(ready)
    this.#waiting.splice(this.#waiting.indexOf(chosen), 1)
    chosen.open()
    return true
  }
}
