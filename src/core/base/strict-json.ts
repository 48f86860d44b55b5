/**
 * Strict JSON: RFC 8259, narrowed to what every reader understands alike (I-JSON, RFC 7493).
 *
 * `JSON.parse` lets the last of two equal member names win, makes lone surrogates out of escapes, rounds large integers
 * and nests without end. What two parsers read differently is how a check is slipped past.
 *
 * Invariant B6: all of it is refused here, and a refusal repeats nothing of the content.
 *
 * @module
 */
import type { JsonValue } from './json.ts'

/** Arrays and objects inside each other. */
export const jsonDepthMax = 32
/** Members and elements in one document. */
export const jsonValuesMax = 10_000

/** Why a text is not strict JSON, and where. Neither `reason` nor the position tells anything of the content. */
export class StrictJsonError extends Error {
  override readonly name = 'StrictJsonError'
  /** One sentence, safe to show to whoever sent the text. */
  readonly reason: string
  /** UTF-16 code units from the start. */
  readonly offset: number
  /** Counted from 1. */
  readonly line: number
  /** UTF-16 code units, counted from 1. */
  readonly column: number
  constructor(reason: string, text: string, offset: number) {
    super(reason)
    this.reason = reason
    this.offset = offset
    const lineStart = text.lastIndexOf('\n', offset - 1) + 1
    this.line = offset === 0 ? 1 : text.slice(0, lineStart).split('\n').length
    this.column = offset === 0 ? 1 : offset - lineStart + 1
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads one JSON document.
 *
 * Refused beyond what RFC 8259 refuses: bytes that are not UTF-8, a byte order mark, repeated member names, the name
 * `__proto__`, the character NUL and lone surrogates however written, numbers that a double does not hold (integers
 * beyond 2^53 − 1, overflow, underflow to zero), more than 32 levels, more than 10,000 members and elements.
 *
 * @throws StrictJsonError
 */
export function parseStrictJson(bytes: Uint8Array): JsonValue {
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch {
    throw new StrictJsonError('The text is not UTF-8.', '', 0)
  }
  return new Scanner(text).document()
}

const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const openBracket = 0x5b
const backslash = 0x5c
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d
const byteOrderMark = 0xfeff

const numberText = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const nonZeroMantissa = /^-?[0.]*[1-9]/
const fourHexDigits = /^[0-9a-fA-F]{4}$/

/** By the first character: the literals, and what each means. */
const literals: ReadonlyMap<number, readonly [word: string, value: boolean | null]> = new Map([
  [0x74, ['true', true]],
  [0x66, ['false', false]],
  [0x6e, ['null', null]],
])

/** What a backslash and one more character stand for (RFC 8259 §7). */
const escapes: ReadonlyMap<string, string> = new Map([
  ['"', '"'], ['\\', '\\'], ['/', '/'], ['b', '\b'], ['f', '\f'], ['n', '\n'], ['r', '\r'], ['t', '\t'],
])

class Scanner {
  private readonly text: string
  private at = 0
  private depth = 0
  private values = 0

  constructor(text: string) {
    this.text = text
  }

  document(): JsonValue {
    if (this.text.charCodeAt(0) === byteOrderMark) this.fail('A byte order mark is not part of JSON.')
    const value = this.value(this.next())
    if (!Number.isNaN(this.next())) this.fail('There is more after the end of the document.')
    return value
  }

  /** Skips white space; the code of the character it stops at, NaN at the end. */
  private next(): number {
    const { text } = this
    for (;;) {
      const code = text.charCodeAt(this.at)
      if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) this.at++
      else return code
    }
  }

  private value(code: number): JsonValue {
    if (code === quote) return this.string()
    if (code === openBrace) return this.object()
    if (code === openBracket) return this.array()
    const literal = literals.get(code)
    if (literal === undefined) return this.number()
    if (!this.text.startsWith(literal[0], this.at)) this.fail('A value was expected here.')
    this.at += literal[0].length
    return literal[1]
  }

  private object(): JsonValue {
    this.descend()
    const members: Record<string, JsonValue> = {}
    let code = this.next()
    if (code !== closeBrace) {
      for (;;) {
        if (code !== quote) this.fail('A member name in double quotes was expected here.')
        const nameAt = this.at
        const name = this.string()
        if (name === '__proto__') this.fail('The member name __proto__ is not allowed.', nameAt)
        if (Object.hasOwn(members, name)) this.fail('A member name stands twice in one object.', nameAt)
        if (this.next() !== colon) this.fail('A colon was expected here.')
        this.at++
        members[name] = this.value(this.next())
        this.count()
        code = this.next()
        if (code === closeBrace) break
        if (code !== comma) this.fail('A comma or the end of the object was expected here.')
        this.at++
        code = this.next()
      }
    }
    this.at++
    this.depth--
    return members
  }

  private array(): JsonValue {
    this.descend()
    const elements: JsonValue[] = []
    let code = this.next()
    if (code !== closeBracket) {
      for (;;) {
        elements.push(this.value(code))
        this.count()
        code = this.next()
        if (code === closeBracket) break
        if (code !== comma) this.fail('A comma or the end of the array was expected here.')
        this.at++
        code = this.next()
      }
    }
    this.at++
    this.depth--
    return elements
  }

  /** Most strings have no escapes: those are one slice of the text. */
  private string(): string {
    const { text } = this
    const start = ++this.at
    for (; this.at < text.length; this.at++) {
      const code = text.charCodeAt(this.at)
      if (code === quote) return text.slice(start, this.at++)
      if (code === backslash) return this.escapedString(start)
      if (code < 0x20) this.fail('A control character stands in a string; it must be escaped.')
    }
    return this.fail('A string does not end.')
  }

  private escapedString(start: number): string {
    const { text } = this
    let value = text.slice(start, this.at)
    for (let plainFrom = this.at; this.at < text.length; ) {
      const code = text.charCodeAt(this.at)
      if (code !== quote && code !== backslash) {
        if (code < 0x20) this.fail('A control character stands in a string; it must be escaped.')
        this.at++
        continue
      }
      value += text.slice(plainFrom, this.at)
      if (code === quote) {
        // Well-formed UTF-8 has no surrogates, so a lone one was escaped; halves may meet across two escapes only.
        if (!value.isWellFormed()) this.fail('A string has a lone surrogate.', start)
        this.at++
        return value
      }
      value += this.escape()
      plainFrom = this.at
    }
    return this.fail('A string does not end.')
  }

  private escape(): string {
    const letter = this.text.charAt(this.at + 1)
    if (letter !== 'u') {
      const value = escapes.get(letter) ?? this.fail('There is no such escape.')
      this.at += 2
      return value
    }
    const digits = this.text.slice(this.at + 2, this.at + 6)
    if (!fourHexDigits.test(digits)) this.fail('There is no such escape.')
    const code = Number.parseInt(digits, 16)
    if (code === 0) this.fail('The character NUL is not allowed.')
    this.at += 6
    return String.fromCharCode(code)
  }

  private number(): number {
    numberText.lastIndex = this.at
    const text = numberText.exec(this.text)?.[0]
    if (text === undefined) this.fail(this.at < this.text.length ? 'A value was expected here.' : 'The document is not complete.')
    const value = Number(text)
    if (Math.abs(value) > Number.MAX_SAFE_INTEGER) this.fail('A number is larger than 2^53 − 1.')
    if (value === 0 && nonZeroMantissa.test(text)) this.fail('A number is too close to zero.')
    this.at += text.length
    return value
  }

  private descend(): void {
    if (++this.depth > jsonDepthMax) this.fail(`There are more than ${jsonDepthMax} levels.`)
    this.at++
  }

  private count(): void {
    if (++this.values > jsonValuesMax) this.fail(`There are more than ${jsonValuesMax} members and elements.`)
  }

  private fail(reason: string, offset = this.at): never {
    throw new StrictJsonError(reason, this.text, offset)
  }
}
