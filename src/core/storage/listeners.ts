import type { Commit } from './commit.ts'

/** Those who follow what is committed. */
export interface Listeners {
  readonly onCommitted: (listener: (commit: Commit) => void) => void
  readonly onForeignWrite: (listener: () => void) => void
  readonly tellCommitted: (commit: Commit) => void
  readonly tellForeignWrite: () => void
}

export function createListeners(): Listeners {
  const committed: ((commit: Commit) => void)[] = []
  const foreignWrite: (() => void)[] = []
  return {
    onCommitted: (listener) => void committed.push(listener),
    onForeignWrite: (listener) => void foreignWrite.push(listener),
    tellCommitted: (commit) => committed.forEach((listener) => listener(commit)),
    tellForeignWrite: () => foreignWrite.forEach((listener) => listener()),
  }
}
