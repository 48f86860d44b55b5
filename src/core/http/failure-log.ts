import { Fault } from '#core/base/fault'
import type { Logger } from '#core/telemetry/logger'

export interface FailureLog {
  /** @param fields of the request: its operation, id and code */
  report(error: unknown, fields: Readonly<Record<string, unknown>>, nowMs: number): void
}

const quietMs = 1_000

/**
 * What operators are told of requests that failed on the server's side.
 *
 * A fault that is known comes with every request for as long as what ails the server lasts, or as somebody asks too much:
 * of each code one a second is told in full, and how many were like it in between. What nobody expected is told each time.
 */
export function createFailureLog(logger: Logger): FailureLog {
  const told = new Map<string, { readonly atMs: number; alike: number }>()
  return {
    report(error, fields, nowMs) {
      if (!(error instanceof Fault)) return logger.error({ ...fields, err: error }, 'request met an unexpected error')
      const last = told.get(error.code)
      if (last !== undefined && nowMs - last.atMs < quietMs) return void last.alike++
      told.set(error.code, { atMs: nowMs, alike: 0 })
      const alike = last === undefined || last.alike === 0 ? {} : { alikeSinceTheLast: last.alike }
      logger.error({ ...fields, err: error, ...error.context, ...alike }, 'request failed')
    },
  }
}
