/**
 * Jobs: what the server does by itself, again and again.
 *
 * A run starts a while after the previous one ended, so a slow one never piles up (J1); a failed one is reported and tried
 * again (J2). The timers do not keep the process alive.
 */
export interface Job {
  readonly name: string
  readonly everyMs: number
  readonly run: () => Promise<void>
}

export interface Jobs {
  /** J3: starts no more runs; resolves when those under way have ended. */
  stop(): Promise<void>
}

export function startJobs(jobs: readonly Job[], onError: (job: string, error: unknown) => void): Jobs {
  let stopped = false
  const timers = new Map<Job, NodeJS.Timeout>()
  const running = new Map<Job, Promise<void>>()

  function schedule(job: Job): void {
    if (stopped) return
    const timer = setTimeout(() => {
      running.set(job, runOnce(job))
    }, job.everyMs)
    timer.unref()
    timers.set(job, timer)
  }

  async function runOnce(job: Job): Promise<void> {
    try {
      await job.run()
    } catch (error) {
      onError(job.name, error)
    } finally {
      running.delete(job)
      schedule(job)
    }
  }

  for (const job of jobs) schedule(job)
  return {
    async stop() {
      stopped = true
      for (const timer of timers.values()) clearTimeout(timer)
      await Promise.all(running.values())
    },
  }
}
