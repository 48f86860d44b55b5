import { operationsOf } from '#core/http/operation'
import type { KeysServices } from './services.ts'

/** Declares this room's operations. */
export const operation = operationsOf<KeysServices>()
