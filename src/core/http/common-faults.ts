import { faultCatalogue } from '#core/base/fault'

/** Rooms below the operations: whatever they refuse, any operation may have to answer. */
const commonAreas: ReadonlySet<string> = new Set(['core', 'storage', 'crypto', 'keyring'])

/** What the port that records every write may refuse. */
const commonCodes: ReadonlySet<string> = new Set(['audit/entry-too-large'])

/** Faults of this room that only operations raise which declare them. */
const declaredOnly: ReadonlySet<string> = new Set(['http/invalid-cursor', 'http/precondition-failed'])

/** What any operation may answer without saying so: the pipeline's own faults, and those of the rooms below. */
export function isCommonFault(code: string): boolean {
  const area = code.slice(0, code.indexOf('/'))
  return commonAreas.has(area) || commonCodes.has(code) || (area === 'http' && !declaredOnly.has(code))
}

/** All of them that are known, by code. */
export const commonFaults = (): readonly string[] => [...faultCatalogue.keys()].filter(isCommonFault).sort()
