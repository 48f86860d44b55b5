/**
 * Turns of the event loop: everything that sockets and threads had to say when they were looked at.
 *
 * @module
 */
let turn = 0
let isEnding = false
let due: (() => void)[] = []

/** Which turn this is, to be compared with what it was. Whatever a socket had to say when it was looked at is heard within one turn. */
export function turnNow(): number {
  awaitEnd()
  return turn
}

/** Runs when this turn ends, in the order of the calls. It may not throw. */
export function atEndOfTurn(work: () => void): void {
  awaitEnd()
  due.push(work)
}

/** One timer a turn, however many ask. */
function awaitEnd(): void {
  if (isEnding) return
  isEnding = true
  setImmediate(end)
}

function end(): void {
  const works = due
  due = []
  isEnding = false
  turn++
  for (const work of works) work()
}
