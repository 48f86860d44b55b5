/**
 * Turns: work on one thing at a time, for many who ask.
 *
 * Whoever asks while a turn is under way gets the next one, which sees all there was when they asked; however many ask,
 * it is one.
 */
export interface Turns {
  /** Resolves or rejects as the turn does that began after this call. */
  take(id: string): Promise<void>
  /** Resolves when nothing is under way. */
  settled(): Promise<void>
}

interface Turn {
  readonly running: Promise<void>
  next: Promise<void> | null
}

export function createTurns(work: (id: string) => Promise<void>): Turns {
  const turns = new Map<string, Turn>()

  function begin(id: string): Promise<void> {
    const turn: Turn = { running: work(id), next: null }
    turns.set(id, turn)
    return turn.running.finally(() => {
      if (turn.next === null) turns.delete(id)
    })
  }

  return {
    take(id) {
      const turn = turns.get(id)
      if (turn === undefined) return begin(id)
      return (turn.next ??= turn.running.then(() => begin(id), () => begin(id)))
    },
    async settled() {
      while (turns.size > 0) await Promise.allSettled([...turns.values()].map((turn) => turn.next ?? turn.running))
    },
  }
}
