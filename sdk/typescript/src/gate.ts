interface Waiter {
  readonly admit: () => void
}

/**
 * Lets at most `insideMax` in at a time. As many again as `waitingMax` wait, first come, first served; who would have to
 * wait behind them, or too long, is turned away.
 */
export class Gate {
  private readonly insideMax: number
  private readonly waitingMax: number
  private readonly waiting = new Set<Waiter>()
  private inside = 0

  constructor(insideMax: number, waitingMax: number) {
    this.insideMax = insideMax
    this.waitingMax = waitingMax
  }

  /** @returns whether it is in; then `leave` has to be called, once */
  enter(patienceMs: number): boolean | Promise<boolean> {
    if (this.inside < this.insideMax) {
      this.inside++
      return true
    }
    if (this.waiting.size >= this.waitingMax) return false
    return new Promise((resolve) => {
      const waiter: Waiter = {
        admit: () => {
          clearTimeout(timer)
          resolve(true)
        },
      }
      const timer = setTimeout(() => {
        this.waiting.delete(waiter)
        resolve(false)
      }, patienceMs)
      this.waiting.add(waiter)
    })
  }

  /** Whoever waited longest takes the place at once, so that nobody slips in between. */
  leave(): void {
    const [next] = this.waiting
    if (next === undefined) {
      this.inside--
      return
    }
    this.waiting.delete(next)
    next.admit()
  }
}
