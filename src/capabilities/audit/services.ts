import type { RowGuard } from '#core/storage/row-guard'
import type { ReadableStorage } from '#core/storage/storage'
import type { LogKeys } from './log-keys.ts'
import type { LogReader } from './log-reader.ts'
import type { Publisher } from './publisher.ts'
import type { Subjects } from './subjects.ts'

/** What the operations of this room work with; the server wires it up once. */
export interface AuditServices {
  readonly storage: ReadableStorage
  readonly guard: RowGuard
  readonly subjects: Subjects
  readonly publisher: Publisher
  readonly reader: LogReader
  readonly keys: LogKeys
}
