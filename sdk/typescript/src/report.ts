const quietMs = 10_000

/** Tells the console why keys cannot be verified: without it, an operator would see nothing but 503s. */
export function createReporter(): (error: unknown) => void {
  let reportedMs = Number.NEGATIVE_INFINITY
  return (error) => {
    const nowMs = performance.now()
    if (nowMs - reportedMs < quietMs) return
    reportedMs = nowMs
    console.error(`claviger: keys cannot be verified, and requests are answered 503: ${error instanceof Error ? error.message : 'unknown error'}`)
  }
}
