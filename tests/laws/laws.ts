/**
 * The laws of the house: what holds for every operation of its kind, whoever wrote it.
 *
 * @module
 */
import type { AnyOperation } from '#core/http/operation'
import { hidesExistence, keepsWorkspacesApart, refusesBadCredentials } from './law-access.ts'
import { answersDeclaredFaults, isTaken, onlyDeclaredCameOut, refusesTheUnknown } from './law-input.ts'
import { keepsSecrets, noSecretLiesAnywhere } from './law-secrets.ts'
import { failsWhole, leavesItsEntry, namesItsEntry, readsOnly, repeatsOnce } from './law-writes.ts'
import type { Subject } from './subject.ts'

export interface Law {
  readonly name: string
  /** What is said of the operation. */
  readonly says: string
  readonly appliesTo: (operation: AnyOperation) => boolean
  readonly holds: (subject: Subject, operation: AnyOperation) => Promise<void>
}

const all = (): boolean => true
const writes = ({ effect }: AnyOperation): boolean => effect === 'write'
const reads = ({ effect }: AnyOperation): boolean => effect === 'read'

export const laws: readonly Law[] = [
  { name: 'L0', says: 'takes an input that the laws know', appliesTo: all, holds: isTaken },
  { name: 'L1', says: 'refuses whoever has no valid credential', appliesTo: all, holds: refusesBadCredentials },
  { name: 'L2', says: 'leaves exactly its audit entry', appliesTo: writes, holds: leavesItsEntry },
  { name: 'L2', says: 'answers with the entry that it left', appliesTo: writes, holds: namesItsEntry },
  { name: 'L2', says: 'leaves nothing when it fails', appliesTo: writes, holds: failsWhole },
  { name: 'L3', says: 'hides what exists from whoever lacks the permission', appliesTo: all, holds: hidesExistence },
  { name: 'L4', says: 'answers spoiled input with declared faults only', appliesTo: all, holds: answersDeclaredFaults },
  { name: 'L5', says: 'lets no secret into a log, an entry or the database', appliesTo: all, holds: keepsSecrets },
  { name: 'L6', says: 'has one effect for one idempotency key', appliesTo: writes, holds: repeatsOnce },
  { name: 'L7', says: 'refuses what it does not know', appliesTo: all, holds: refusesTheUnknown },
  { name: 'L8', says: 'keeps workspaces apart', appliesTo: all, holds: keepsWorkspacesApart },
  { name: 'L9', says: 'writes nothing', appliesTo: reads, holds: readsOnly },
]

/** What holds of everything that was sent in a whole run; to be asked at its end. */
export const lawsOfTheRun: readonly { readonly name: string; readonly says: string; readonly holds: (subject: Subject) => Promise<void> | void }[] = [
  { name: 'L4', says: 'no request of this run brought out an undeclared fault', holds: onlyDeclaredCameOut },
  { name: 'L5', says: 'no secret of this run lies in a log, an entry or the database', holds: noSecretLiesAnywhere },
]
