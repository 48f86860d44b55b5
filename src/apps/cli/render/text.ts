/**
 * Text as a terminal shows it: its width, its wrapping, and nothing in it that commands the terminal.
 *
 * @module
 */
import { stripVTControlCharacters } from 'node:util'

/** C0 and C1 controls, and marks that reorder or hide what stands beside them (Unicode UAX #9). */
// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const unseen = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** What others wrote, made harmless to the terminal that shows it: what cannot be seen is spelled out. */
export const visible = (text: string): string =>
  text.replaceAll(unseen, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)

/** JSON that says the same, and holds none of them raw: within JSON they stand in strings only, C0 controls in neither. */
export const visibleJson = (json: string): string =>
  json.replaceAll(unseen, (character) => (character < ' ' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`))

/** Two columns wide: East Asian wide and fullwidth forms, and emoji (UAX #11, roughly). */
const wide = /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u
const zeroWidth = /^[\p{Mn}\p{Me}\p{Cf}]/u
// oxlint-disable-next-line no-control-regex -- everything but printable ASCII
const beyondAscii = /[^\u0020-\u007e]/

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Columns that the text takes. Colours take none. */
export function widthOf(styled: string): number {
  const text = styled.includes('\u001b') ? stripVTControlCharacters(styled) : styled
  if (!beyondAscii.test(text)) return text.length
  let width = 0
  for (const { segment } of segmenter.segment(text)) width += wide.test(segment) ? 2 : zeroWidth.test(segment) ? 0 : 1
  return width
}

export const padTo = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - widthOf(text)))

/** The text, or as much of it as fits with `…` after it. For text without colours. */
export function cutTo(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let cut = ''
  let used = 0
  for (const { segment } of segmenter.segment(text)) {
    used += widthOf(segment)
    if (used > width - 1) break
    cut += segment
  }
  return `${cut.trimEnd()}…`
}

/** Words, and commands in backquotes as one each, as far as they fit into a line: what is to be pasted stays together. */
function unbroken(text: string, width: number): readonly string[] {
  const parts: string[] = []
  let open = false
  for (const word of text.split(' ')) {
    const joined = `${parts.at(-1) ?? ''} ${word}`
    const isInside = open
    if (word.split('`').length % 2 === 0) open = !open
    if (isInside && widthOf(joined) <= width) parts[parts.length - 1] = joined
    else parts.push(word)
  }
  return parts
}

/** The text in lines of at most `width` columns, broken at spaces where there are any. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of unbroken(text, width)) {
    const longer = line === '' ? word : `${line} ${word}`
    if (widthOf(longer) <= width || line === '') {
      line = longer
      continue
    }
    lines.push(line)
    line = word
  }
  return [...lines, line]
}

/** `expiresAt` as people and flags spell it: `expires-at`. */
export const kebab = (name: string): string => name.replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase()

/** `expiresAt` in words. */
export const words = (name: string): string => kebab(name).replaceAll('-', ' ').replace(/\bid\b/, 'id')
