/** Values that survive JSON. `undefined` never stands in one: an absent member is left out. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject
export interface JsonObject {
  readonly [name: string]: JsonValue
}

/**
 * RFC 8785 canonical JSON, invariant B5: one byte sequence for one value, so that it can be hashed and signed.
 *
 * Numbers and strings are serialised as ECMAScript does, which is what the RFC prescribes (§3.2.2); members are sorted
 * by UTF-16 code units (§3.2.3), which is how JavaScript compares strings.
 *
 * @throws RangeError on what I-JSON forbids: a number that is not finite, a lone surrogate
 */
export function canonicalJson(value: JsonValue): string {
  if (typeof value === 'string') return canonicalString(value)
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return canonicalNumber(value)
  return isArray(value) ? canonicalArray(value) : canonicalObject(value)
}

function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError('canonical JSON has no such number')
  return Object.is(value, -0) ? '0' : String(value)
}

function canonicalArray(value: readonly JsonValue[]): string {
  let text = '['
  for (const element of value) {
    if (text.length > 1) text += ','
    text += canonicalJson(element)
  }
  return `${text}]`
}

function canonicalObject(value: JsonObject): string {
  const names = Object.keys(value)
  if (!isSorted(names)) names.sort()
  let text = '{'
  for (const name of names) {
    const member = value[name]
    if (member === undefined) continue
    if (text.length > 1) text += ','
    text += spelledNames.get(name) ?? spellName(name)
    text += canonicalJson(member)
  }
  return `${text}}`
}

/** Names come again and again: entries, rows and details have some sixty. */
const spelledNames = new Map<string, string>()
const spelledNamesMax = 1_000

function spellName(name: string): string {
  const text = `${canonicalString(name)}:`
  if (name.length <= 32 && spelledNames.size < spelledNamesMax) spelledNames.set(name, text)
  return text
}

function isSorted(names: readonly string[]): boolean {
  for (let index = 1; index < names.length; index++) {
    if (names[index - 1]! > names[index]!) return false
  }
  return true
}

/** Printable ASCII without quote and backslash: nearly all strings there are, and none of them needs escaping. */
const plain = /^[ !#-[\]-~]*$/

function canonicalString(text: string): string {
  if (plain.test(text)) return `"${text}"`
  if (!text.isWellFormed()) throw new RangeError('canonical JSON has no lone surrogates')
  return JSON.stringify(text)
}

// Array.isArray does not narrow readonly arrays.
const isArray = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value)
