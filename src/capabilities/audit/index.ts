/** The door of the audit room: other code imports this file and no other. */
import { getCheckpoint } from './get-checkpoint.ts'
import { getEntry } from './get-entry.ts'
import { getLogKeys } from './get-log-keys.ts'
import { getReceipt } from './get-receipt.ts'
import { getTile } from './get-tile.ts'
import { listCheckpoints } from './list-checkpoints.ts'
import { listEntries } from './list-entries.ts'
import { listRows } from './list-rows.ts'
import { proveConsistency } from './prove-consistency.ts'
import { proveInclusion } from './prove-inclusion.ts'

export { auditFaults } from './faults.ts'
export { decodeEntry, type Entry, type RowMark } from './entry.ts'
export { readDetails } from './get-entry.ts'
export { createFinalityCheck, type FinalityCheck } from './finality-check.ts'
export { createLogKeys, type LogKeys } from './log-keys.ts'
export type { LogProblem } from './log-problems.ts'
export { createLogReader, type LogReader, type PublishedLog } from './log-reader.ts'
export { auditMigration } from './migrations/0001-audit.ts'
export { createPublisher, type Publisher } from './publisher.ts'
export { createRecorder, type Change, type Recorded, type Recorder } from './recorder.ts'
export { createSectionSealer, sectionsCommitment, type SectionSealer } from './sections.ts'
export type { AuditServices } from './services.ts'
export { createSubjects, type Subjects } from './subjects.ts'
export {
  directorySource, exportLog, httpSource, SourceRefused, storageSource, storedBlock, verifyLog,
  type BlockRecord, type HttpSourceOptions, type LogSource, type ProblemCode, type ProblemPlace, type RowRecord,
  type StorageSourceOptions, type StoredBlock, type VerifyCounts, type VerifyOptions, type VerifyProblem, type VerifyReport,
} from './verify/index.ts'

export const operations = [
  listEntries, getEntry, getReceipt, listRows, getCheckpoint, listCheckpoints, getTile, getLogKeys, proveInclusion, proveConsistency,
] as const
