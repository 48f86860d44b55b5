/** Checking a log without trusting whoever keeps it. */
export { directorySource } from './directory-source.ts'
export { exportLog } from './export-log.ts'
export { httpSource, SourceRefused, type HttpSourceOptions } from './http-source.ts'
export type { ProblemCode, ProblemPlace, VerifyProblem } from './problem.ts'
export type { BlockRecord, LogSource, RowRecord } from './source.ts'
export { storageSource, storedBlock, type StorageSourceOptions, type StoredBlock } from './storage-source.ts'
export { verifyLog, type VerifyCounts, type VerifyOptions, type VerifyReport } from './verify-log.ts'
