import { operationsOf } from '#core/http/operation'
import type { AuditServices } from './services.ts'

/** Declares this room's operations. */
export const operation = operationsOf<AuditServices>()
