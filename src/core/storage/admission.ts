import type { Fault } from '#core/base/fault'
import { storageFaults } from './faults.ts'

/** How many commits may wait or be under way; the next is told `storage/busy`. */
const commitsMax = 8_192

/** Who may still come in, and when the last has gone. */
export interface Admission {
  /** Takes a place, or says why there is none. Every place taken is given back by `leave`. */
  enter(): Fault | null
  leave(): void
  /** Lets nobody in any more; resolves when the last has left. */
  close(): Promise<void>
}

export function createAdmission(): Admission {
  let inside = 0
  let closing: PromiseWithResolvers<void> | null = null
  return {
    enter() {
      if (closing !== null) return storageFaults.unavailable('The server is stopping.')
      if (inside >= commitsMax) {
        return storageFaults.busy('More writes wait than the database keeps up with. Try again.', { retryAfterS: 1 })
      }
      inside += 1
      return null
    },
    leave() {
      inside -= 1
      if (inside === 0) closing?.resolve()
    },
    close() {
      closing ??= Promise.withResolvers<void>()
      if (inside === 0) closing.resolve()
      return closing.promise
    },
  }
}
