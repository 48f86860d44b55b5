/** What is wrong with which logs, told once when it begins and once when it ends. */

/** What an operator wants to hear of. */
export type LogProblem =
  /** Stored parts of the log disagree. It is not signed for any more: a person has to look. */
  | { readonly kind: 'refused'; readonly workspaceId: string; readonly reason: string }
  /** It could not be published and will be tried again. */
  | { readonly kind: 'delayed'; readonly workspaceId: string; readonly error: unknown }
  | { readonly kind: 'recovered'; readonly workspaceId: string }

export interface LogProblems {
  /** Logs that are not signed for, and why. */
  readonly refused: ReadonlyMap<string, string>
  /** Logs that could not be published. */
  readonly delayed: ReadonlySet<string>
  refuse(workspaceId: string, reason: string): void
  delay(workspaceId: string, error: unknown): void
  /** The log was published: all is well with it. */
  settle(workspaceId: string): void
}

export function createLogProblems(tell: (problem: LogProblem) => void): LogProblems {
  const refused = new Map<string, string>()
  const delayed = new Set<string>()
  return {
    refused,
    delayed,
    refuse(workspaceId, reason) {
      delayed.delete(workspaceId)
      if (refused.get(workspaceId) === reason) return
      refused.set(workspaceId, reason)
      tell({ kind: 'refused', workspaceId, reason })
    },
    delay(workspaceId, error) {
      if (refused.has(workspaceId) || delayed.has(workspaceId)) return
      delayed.add(workspaceId)
      tell({ kind: 'delayed', workspaceId, error })
    },
    settle(workspaceId) {
      const hadProblem = [refused.delete(workspaceId), delayed.delete(workspaceId)].includes(true)
      if (hadProblem) tell({ kind: 'recovered', workspaceId })
    },
  }
}
