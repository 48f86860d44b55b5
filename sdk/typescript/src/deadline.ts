/** One span of time for a whole call, ended early by the caller's own signal. */
export class Deadline {
  private readonly controller = new AbortController()
  private readonly timer: ReturnType<typeof setTimeout>
  private readonly endsMs: number
  private readonly outer: AbortSignal | undefined
  private readonly onOuterAbort = (): void => this.controller.abort()
  /** The time ran out before the caller gave up. */
  isOver = false

  /** @throws the signal's reason when it is aborted already */
  constructor(timeoutMs: number, outer: AbortSignal | undefined) {
    if (!(timeoutMs > 0 && timeoutMs <= 2_147_483_647)) throw new TypeError('timeoutMs is a number of milliseconds above 0.')
    outer?.throwIfAborted()
    this.outer = outer
    this.endsMs = performance.now() + timeoutMs
    this.timer = setTimeout(() => this.expire(), timeoutMs)
    outer?.addEventListener('abort', this.onOuterAbort)
  }

  /** Aborted by both. */
  get signal(): AbortSignal {
    return this.controller.signal
  }

  get remainingMs(): number {
    return this.endsMs - performance.now()
  }

  /** @throws the caller's reason when the caller gave up */
  throwIfGivenUp(): void {
    if (!this.isOver) this.outer?.throwIfAborted()
  }

  /** Settles as `work` does, or rejects as soon as this ends: also when what works does not heed the signal. */
  async within<Value>(work: Promise<Value>): Promise<Value> {
    let end: () => void = () => {}
    const ended = new Promise<never>((_, reject) => {
      end = () => reject(new Error('the deadline ended'))
      this.signal.addEventListener('abort', end)
    })
    try {
      return await Promise.race([work, ended])
    } finally {
      this.signal.removeEventListener('abort', end)
    }
  }

  /** Resolves after `durationMs`, or as soon as this ends. */
  async pause(durationMs: number): Promise<void> {
    if (durationMs <= 0 || this.signal.aborted) return
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, durationMs)
      this.signal.addEventListener('abort', done)
    })
  }

  /** Lets go of the timer and of the caller's signal. */
  release(): void {
    clearTimeout(this.timer)
    this.outer?.removeEventListener('abort', this.onOuterAbort)
  }

  private expire(): void {
    this.isOver = !this.controller.signal.aborted
    this.controller.abort()
  }
}
