/**
 * Reading TypeScript without a compiler: enough to tell code from comments and strings.
 *
 * @module
 */

/** After these a slash begins a regular expression; after anything else it divides. */
const beforeRegex = /(?:^|[=(,:;[!&|?{}+\-*%<>~^]|\b(?:return|typeof|case|in|of|await|yield))\s*$/

/** The text with its comments blanked; line breaks stay, so that lines keep their numbers. */
export const codeOf = (text: string): string => scan(text, { strings: true })

/** The text with comments and the insides of strings, templates and regular expressions blanked. */
export const shapeOf = (text: string): string => scan(text, { strings: false })

const blank = (text: string): string => text.replaceAll(/[^\n]/g, ' ')

function scan(text: string, { strings }: { readonly strings: boolean }): string {
  let out = ''
  let at = 0
  const take = (end: number, keep: boolean): void => {
    const piece = text.slice(at, end)
    out += keep ? piece : blank(piece)
    at = end
  }
  while (at < text.length) {
    const two = text.slice(at, at + 2)
    if (two === '//' || (two === '#!' && at === 0)) take(endOr(text, text.indexOf('\n', at)), false)
    else if (two === '/*') take(endOr(text, text.indexOf('*/', at + 2) + 2, 2), false)
    else if (text[at] === "'" || text[at] === '"') take(endOfQuoted(text, at), strings)
    else if (text[at] === '`') take(endOfTemplate(text, at), strings)
    else if (text[at] === '/' && beforeRegex.test(out.slice(-40))) take(endOfRegex(text, at), strings)
    else take(at + 1, true)
  }
  return out
}

const endOr = (text: string, end: number, least = 0): number => (end < least || end === -1 ? text.length : end)

function endOfQuoted(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === text[start] || text[at] === '\n') return at + 1
  }
  return text.length
}

function endOfTemplate(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '`') return at + 1
    else if (text.startsWith('${', at)) at = endOfHole(text, at + 2)
  }
  return text.length
}

/** From after `${` to its `}`. */
function endOfHole(text: string, start: number): number {
  let depth = 1
  for (let at = start; at < text.length; at++) {
    const character = text[at]
    if (character === "'" || character === '"') at = endOfQuoted(text, at) - 1
    else if (character === '`') at = endOfTemplate(text, at) - 1
    else if (character === '{') depth++
    else if (character === '}' && --depth === 0) return at
  }
  return text.length
}

function endOfRegex(text: string, start: number): number {
  let inClass = false
  for (let at = start + 1; at < text.length && text[at] !== '\n'; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '[') inClass = true
    else if (text[at] === ']') inClass = false
    else if (text[at] === '/' && !inClass) return at + 1
  }
  return start + 1
}

export interface Import {
  readonly specifier: string
  /** The names between the braces; empty for other forms. */
  readonly names: readonly string[]
  /** Gone when the program runs. */
  readonly typeOnly: boolean
}

const statement = /\b(import|export)\s+(type\s+)?(?:([\w$*]+(?:\s+as\s+[\w$]+)?)?\s*,?\s*(\{[^}]*\})?\s*from\s*)?['"]([^'"\n]+)['"]/g
const dynamic = /\bimport\s*\(\s*['"]([^'"\n]+)['"]/g

/** What a file loads: imports, re-exports, side effects, dynamic imports. */
export function importsOf(code: string): readonly Import[] {
  const found: Import[] = []
  for (const [, , type, , braces = '', specifier = ''] of code.matchAll(statement)) {
    const names = braces.replaceAll(/[{}]/g, '').split(',').map((name) => name.trim()).filter((name) => name !== '')
    const typeOnly = type !== undefined || (names.length > 0 && names.every((name) => name.startsWith('type ')))
    found.push({ specifier, names: names.map((name) => name.replace(/^type\s+/, '').split(/\s+as\s+/)[0] ?? ''), typeOnly })
  }
  for (const [, specifier = ''] of code.matchAll(dynamic)) found.push({ specifier, names: [], typeOnly: false })
  return found
}

/** Functions with a body in braces, and how many lines each has, without those of the functions in it. */
export function functionsOf(text: string): readonly { readonly line: number; readonly lines: number }[] {
  const all = bodiesOf(shapeOf(text))
  return all.map(({ first, last }) => {
    const within = all.filter((other) => other.first >= first && other.last <= last && (other.first !== first || other.last !== last))
    const outermost = within.filter((other) => !within.some((around) => around !== other && around.first <= other.first && around.last >= other.last))
    const inner = outermost.reduce((sum, other) => sum + other.last - other.first, 0)
    return { line: first, lines: last - first + 1 - inner }
  })
}

interface Body {
  readonly first: number
  readonly last: number
}

function bodiesOf(shape: string): readonly Body[] {
  const found: Body[] = []
  for (const match of shape.matchAll(/(?:=>\s*|\)\s*(?::\s*[^;={}()]*(?:\{[^{}]*\})?[^;={}()]*)?)\{/g)) {
    const open = match.index + match[0].length - 1
    if (isControl(shape, match.index)) continue
    const close = closing(shape, open)
    const first = shape.slice(0, open).split('\n').length
    found.push({ first, last: first + shape.slice(open, close).split('\n').length - 1 })
  }
  return found
}

function closing(shape: string, open: number): number {
  let depth = 0
  for (let at = open; at < shape.length; at++) {
    if (shape[at] === '{') depth++
    else if (shape[at] === '}' && --depth === 0) return at
  }
  return shape.length
}

/** Whether the parenthesis that ends at `at` belongs to `if`, `for`, `while`, `switch` or `catch`. */
function isControl(shape: string, at: number): boolean {
  if (shape[at] !== ')') return false
  let depth = 0
  for (let start = at; start >= 0; start--) {
    if (shape[start] === ')') depth++
    else if (shape[start] === '(' && --depth === 0) return /\b(if|for|while|switch|catch|await)\s*$/.test(shape.slice(Math.max(0, start - 12), start))
  }
  return false
}
