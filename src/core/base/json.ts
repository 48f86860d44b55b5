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
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return canonicalString(value)
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new RangeError('canonical JSON has no such number')
    return Object.is(value, -0) ? '0' : String(value)
  }
  if (isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  let text = '{'
  for (const name of Object.keys(value).sort()) {
    const member = value[name]
    if (member === undefined) continue
    if (text.length > 1) text += ','
    text += `${canonicalString(name)}:${canonicalJson(member)}`
  }
  return `${text}}`
}

function canonicalString(text: string): string {
  if (!text.isWellFormed()) throw new RangeError('canonical JSON has no lone surrogates')
  return JSON.stringify(text)
}

// Array.isArray does not narrow readonly arrays.
const isArray = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value)
