/**
 * How a command ends: its exit code, and what is said of a failure.
 *
 * @module
 */

/** The exit codes, which scripts may rely on. `claviger help exit-codes` prints this table. */
export const exitCodes = {
  ok: { code: 0, means: 'Done.' },
  failed: { code: 1, means: 'Refused, or failed.' },
  usage: { code: 2, means: 'The command or its input is not valid; nothing was done.' },
  denied: { code: 3, means: 'Not logged in, the credential is not accepted, or it may not do this.' },
  notFound: { code: 4, means: 'There is no such thing, or not for you.' },
  conflict: { code: 5, means: 'It exists already, has changed, or is in a state that does not allow this.' },
  unavailable: { code: 6, means: 'The server does not answer, or cannot now.' },
  negative: { code: 10, means: 'The answer is no: `keys verify` refused the key, `doctor` found a problem.' },
  logWrong: { code: 11, means: 'The audit log is not what it should be: altered, gone back, or forked.' },
  interrupted: { code: 130, means: 'Interrupted (Ctrl-C).' },
} as const

export type ExitName = keyof typeof exitCodes

/** What the shell sees of a program that writes to a pipe which nobody reads any more (SIGPIPE). */
export const brokenPipe = 141

/** A failure that is told to whoever ran the command, in words meant for them. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exit: ExitName
  /** Lines below the first: what to correct, where to read on. */
  readonly notes: readonly string[]

  constructor(exit: ExitName, message: string, notes: readonly string[] = []) {
    super(message)
    this.exit = exit
    this.notes = notes
  }
}

export const usageError = (message: string, ...notes: string[]): CliError => new CliError('usage', message, notes)
