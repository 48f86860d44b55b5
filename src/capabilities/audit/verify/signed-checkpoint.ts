/**
 * Checkpoints with their signatures: good when every key of the log has signed.
 *
 * @module
 */
import { createNoteOpener, noteAlgorithms, parseCheckpoint, parseVerifierKey, type Checkpoint } from '@claviger/verifier'
import { VerifyProblem, type ProblemCode, type ProblemPlace } from './problem.ts'

const originStart = 'claviger/'

/** The keys of one log, and what they have signed. */
export interface LogKeyring {
  readonly origin: string
  readonly workspaceId: string
  readonly vkeys: readonly string[]
  /** @throws VerifyProblem when the note is not a checkpoint of this log, signed by all of its keys */
  open(note: string): Checkpoint
}

/** @throws VerifyProblem when these are not the keys of one log */
export function openKeyring(vkeys: readonly string[]): LogKeyring {
  const keys = vkeys.map(parseVerifierKey)
  const names = new Set(keys.map((key) => key?.name))
  const algorithms = new Set(keys.map((key) => key?.algorithm))
  const [origin] = names
  if (names.size !== 1 || origin === undefined || !origin.startsWith(originStart) || algorithms.size !== Object.keys(noteAlgorithms).length) {
    throw new VerifyProblem('keys-malformed', 'log')
  }
  const openNote = createNoteOpener(vkeys)
  return {
    origin,
    workspaceId: origin.slice(originStart.length),
    vkeys,
    open(note) {
      const opened = openNote(note)
      const { body } = opened ?? { body: note.slice(0, note.lastIndexOf('\n\n') + 1) }
      const checkpoint = parseCheckpoint(body)
      if (checkpoint === null) throw new VerifyProblem('checkpoint-malformed', 'checkpoint')
      if (checkpoint.origin !== origin) throw new VerifyProblem('checkpoint-of-another-log', 'checkpoint', checkpoint.size)
      if (opened?.verified.length !== new Set(vkeys).size) throw new VerifyProblem('checkpoint-not-signed', 'checkpoint', checkpoint.size)
      return checkpoint
    },
  }
}

/** Names a problem anew, where it was found in something else than what the code speaks of. */
export function renamed<Result>(code: ProblemCode, place: ProblemPlace['kind'], run: () => Result): Result {
  try {
    return run()
  } catch (error) {
    if (error instanceof VerifyProblem) throw new VerifyProblem(code, place, error.place.name)
    throw error
  }
}
