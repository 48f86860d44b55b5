/**
 * Virtual time: what the rooms wait for with `setTimeout` and `setInterval` comes when the simulation says so, and
 * `performance.now` stands still in between. Nothing here knows the machine's clock. `setImmediate` is the machine's own:
 * it waits for no time, and its order is always the same.
 *
 * @module
 */

/** Whose timers they are: a server that crashed loses its own. */
export type Owner = object

class VirtualTimer {
  dueMs: number
  readonly owner: Owner | null
  readonly everyMs: number | null
  readonly run: () => void
  constructor(dueMs: number, everyMs: number | null, owner: Owner | null, run: () => void) {
    this.dueMs = dueMs
    this.everyMs = everyMs
    this.owner = owner
    this.run = run
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
}

export interface VirtualTime {
  readonly nowMs: number
  /** Whoever sets a timer while this stands owns it. */
  owner: Owner | null
  /** Passes until the next timer is due, but no more than this, and runs it. False when none was due by then. */
  passUntilNext(mostMs: number): boolean
  drop(owner: Owner): void
  /** Gives the machine its own timers back. */
  end(): void
}

const { setTimeout: realTimeout, setInterval: realInterval, clearTimeout: realClearTimeout, clearInterval: realClearInterval } = globalThis

/** Lets everything run that waits for nothing but its turn. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export function beginVirtualTime(): VirtualTime {
  /** In the order in which they were set. */
  const timers = new Set<VirtualTimer>()
  let nowMs = 0

  const set = (everyMs: number | null, delayMs: number, run: () => void): VirtualTimer => {
    const timer = new VirtualTimer(nowMs + delayMs, everyMs, time.owner, run)
    timers.add(timer)
    return timer
  }
  const atLeastOne = (ms: number | undefined): number => Math.max(1, Math.ceil(ms ?? 1))
  const clear = (timer: unknown): void => void timers.delete(timer as VirtualTimer)

  function next(): VirtualTimer | null {
    let first: VirtualTimer | null = null
    for (const timer of timers) if (first === null || timer.dueMs < first.dueMs) first = timer
    return first
  }

  const time: VirtualTime = {
    owner: null,
    get nowMs() {
      return nowMs
    },
    passUntilNext(mostMs) {
      const first = next()
      if (first === null || first.dueMs > nowMs + mostMs) {
        nowMs += mostMs
        return false
      }
      nowMs = Math.max(nowMs, first.dueMs)
      timers.delete(first)
      if (first.everyMs !== null) {
        first.dueMs = nowMs + first.everyMs
        timers.add(first)
      }
      time.owner = first.owner
      first.run()
      return true
    },
    drop(owner) {
      for (const timer of timers) if (timer.owner === owner) timers.delete(timer)
    },
    end() {
      Object.assign(globalThis, { setTimeout: realTimeout, setInterval: realInterval, clearTimeout: realClearTimeout, clearInterval: realClearInterval })
      Reflect.deleteProperty(performance, 'now')
    },
  }

  type Run<Arguments extends unknown[]> = (...given: Arguments) => void
  Object.assign(globalThis, {
    setTimeout: <Given extends unknown[]>(run: Run<Given>, ms?: number, ...given: Given) => set(null, atLeastOne(ms), () => run(...given)),
    setInterval: <Given extends unknown[]>(run: Run<Given>, ms?: number, ...given: Given) => set(atLeastOne(ms), atLeastOne(ms), () => run(...given)),
    clearTimeout: clear, clearInterval: clear,
  })
  Object.defineProperty(performance, 'now', { value: () => nowMs, configurable: true })
  return time
}
