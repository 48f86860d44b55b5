/**
 * What a request needs: one permission, all of a list, or `all` of one list and one of another. `[]` takes any valid key;
 * that has to be said, so an object in which neither list is there takes none.
 */
export type Permissions = string | readonly string[] | { readonly all?: readonly string[] | undefined; readonly any?: readonly string[] | undefined }

/** Demands as Claviger takes them; null when no key can meet them. */
export type Demands = { readonly all?: readonly string[]; readonly any?: readonly string[] } | null

const nameShape = /^[a-z][a-z0-9]*([-:._][a-z0-9]+)*$/
const nameMaxLength = 64
const listMax = 32

/**
 * Default deny: what is null, empty where one is to be chosen, not a permission's name (it may have been made from a
 * request), or more than can be asked for at once is held by nobody.
 */
export function demandsOf(permissions: Permissions | null | undefined): Demands {
  if (permissions === null || permissions === undefined) return null
  if (typeof permissions === 'string') return demandsOf([permissions])
  const { all, any } = isList(permissions) ? { all: permissions } : permissions
  // What a table does not know, `{ all: table[method] }`, or what every object has: `table['constructor']`.
  if (all === undefined && any === undefined) return null
  if (all !== undefined && !areNames(all)) return null
  if (any !== undefined && !(areNames(any) && any.length > 0)) return null
  return { ...(all === undefined || all.length === 0 ? {} : { all }), ...(any === undefined ? {} : { any }) }
}

const isList = (permissions: Permissions): permissions is readonly string[] => Array.isArray(permissions)

const areNames = (names: readonly string[]): boolean =>
  Array.isArray(names) && names.length <= listMax &&
  names.every((name: unknown) => typeof name === 'string' && name.length <= nameMaxLength && nameShape.test(name))

/** For `scope` (RFC 6750 §3). */
export const scopeOf = (demands: Demands): readonly string[] => [...(demands?.all ?? []), ...(demands?.any ?? [])]
