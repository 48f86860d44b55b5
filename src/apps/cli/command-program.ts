import type { Catalogue } from './operations/catalogue.ts'
import type { Field } from './operations/fields.ts'
import type { Session } from './session.ts'

/** What commands have in common while one of them runs. */
export interface Program {
  readonly session: Session
  readonly catalogue: Catalogue
  /** Whose flags are named when the server refuses. */
  failing(fields: readonly Field[]): void
  exitWith(code: number): void
}

export const groups = {
  protect: 'Keys and what they protect',
  people: 'Who acts',
  proof: 'Proof',
  here: 'This program and its server',
} as const
