import { operationsOf } from '#core/http/operation'
import type { PrincipalsServices } from './services.ts'

/** Declares this room's operations. */
export const operation = operationsOf<PrincipalsServices>()
