import { keyFaults } from './faults.ts'

/** One permission of an API's catalogue. `dangerous` ones move value or cannot be undone. */
export interface Permission {
  readonly name: string
  readonly access: 'read' | 'write' | 'dangerous'
  readonly description: string
}

/** On a control-plane key: whatever its principal's role grants, now and after an upgrade. No customer's key can hold it. */
export const roleGrants = '*'

/**
 * The permissions to store: sorted, without repeats.
 *
 * Invariant K6: a key holds only permissions that its API's catalogue has.
 *
 * @throws Fault keys/unknown-permission
 */
export function chosenPermissions(catalogue: readonly Permission[], wanted: readonly string[]): readonly string[] {
  const known = new Set(catalogue.map((permission) => permission.name))
  const unknown = wanted.filter((name) => !known.has(name))
  if (unknown.length > 0) {
    throw keyFaults['unknown-permission']('Choose from the permissions that the API lists.', {
      errors: unknown.map((name) => ({ pointer: `/permissions/${wanted.indexOf(name)}`, detail: 'Not in the catalogue of the API.' })),
    })
  }
  return [...new Set(wanted)].sort()
}

/** The entries of a catalogue that these names stand for. */
export const permissionsNamed = (catalogue: readonly Permission[], names: readonly string[]): readonly Permission[] =>
  catalogue.filter((permission) => names.includes(permission.name))
