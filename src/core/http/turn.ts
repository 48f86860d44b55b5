let turn = 0
let isCounted = false

/**
 * Which turn of the event loop this is, to be compared with what it was. Whatever a socket had to say when it was looked
 * at is heard within one turn. One timer a turn, however many ask.
 */
export function turnNow(): number {
  if (!isCounted) {
    isCounted = true
    setImmediate(() => {
      turn++
      isCounted = false
    })
  }
  return turn
}
