/**
 * HTML by tagged template: what is put in is escaped, unless it is HTML of ours.
 *
 * @module
 */

/** HTML that may stand as it is. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

type Part = Html | string | number | readonly Part[]

const entities: ReadonlyMap<string, string> = new Map([['&', '&amp;'], ['<', '&lt;'], ['>', '&gt;'], ['"', '&quot;'], ["'", '&#39;']])

export const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => entities.get(character) ?? '')

export const html = (texts: TemplateStringsArray, ...parts: readonly Part[]): Html =>
  new Html(texts.map((text, index) => text + rendered(parts[index] ?? '')).join(''))

function rendered(part: Part): string {
  if (part instanceof Html) return part.text
  if (typeof part === 'string' || typeof part === 'number') return escapeHtml(String(part))
  return part.map(rendered).join('')
}
