/**
 * The little Markdown that our own pages are written in, as HTML: headings, paragraphs, lists, fenced code; inline code,
 * emphasis and links to addresses on this server or by https. Everything else is text.
 *
 * @module
 */
import { escapeHtml, Html } from './html.ts'

const heading = /^(#{1,4}) (.+)$/
const bullet = /^[-*] (.+)$/
const numbered = /^[0-9]+\. (.+)$/
const fence = /^```/
/** Browsers read a backslash as a slash, and two of them as another host. */
const safeTarget = /^(?:\/(?![/\\])|https:\/\/|#)/

export function renderMarkdown(source: string): Html {
  const blocks: string[] = []
  const lines = source.replaceAll('\r\n', '\n').split('\n')
  for (let at = 0; at < lines.length; ) {
    const [block, next] = blockAt(lines, at)
    if (block !== '') blocks.push(block)
    at = next
  }
  return new Html(blocks.join('\n'))
}

/** One line, for where a paragraph would be too much. */
export const renderInline = (source: string): Html => new Html(inline(source))

function blockAt(lines: readonly string[], at: number): readonly [html: string, next: number] {
  const line = lines[at] ?? ''
  if (line.trim() === '') return ['', at + 1]
  if (fence.test(line)) return codeAt(lines, at + 1)
  const title = heading.exec(line)
  if (title !== null) {
    const level = title[1]?.length ?? 1
    return [`<h${level}>${inline(title[2] ?? '')}</h${level}>`, at + 1]
  }
  if (bullet.test(line)) return listAt(lines, at, bullet, 'ul')
  if (numbered.test(line)) return listAt(lines, at, numbered, 'ol')
  const end = endOf(lines, at, (next) => next.trim() !== '' && !startsBlock(next))
  return [`<p>${inline(lines.slice(at, end).join(' '))}</p>`, end]
}

const startsBlock = (line: string): boolean => [fence, heading, bullet, numbered].some((pattern) => pattern.test(line))

function codeAt(lines: readonly string[], at: number): readonly [string, number] {
  const end = endOf(lines, at - 1, (next) => !fence.test(next))
  return [`<pre><code>${escapeHtml(lines.slice(at, end).join('\n'))}</code></pre>`, end + 1]
}

/** An item goes on over the indented lines below it. */
function listAt(lines: readonly string[], at: number, item: RegExp, tag: 'ul' | 'ol'): readonly [string, number] {
  const items: string[] = []
  let next = at
  for (let match = item.exec(lines[next] ?? ''); match !== null; match = item.exec(lines[next] ?? '')) {
    const end = endOf(lines, next, (line) => /^ +\S/.test(line))
    items.push(`<li>${inline([match[1], ...lines.slice(next + 1, end).map((line) => line.trim())].join(' '))}</li>`)
    next = end
  }
  return [`<${tag}>${items.join('')}</${tag}>`, next]
}

/** The first line after `at` that does not go on with it. */
function endOf(lines: readonly string[], at: number, goesOn: (line: string) => boolean): number {
  let end = at + 1
  while (end < lines.length && goesOn(lines[end] ?? '')) end++
  return end
}

const piece = /(`[^`]+`|\[(?:`[^`]+`|[^`\]])+\]\([^)\s`]+\))/
const code = /^`([^`]+)`$/
const link = /^\[(.+)\]\(([^)\s]+)\)$/

/** Code and links first: nothing in code or in an address means anything. */
const inline = (text: string): string => text.split(piece).map((part) => linked(part) ?? labelled(part)).join('')

function linked(text: string): string | null {
  const [, label = '', target = ''] = link.exec(text) ?? []
  return safeTarget.test(target) ? `<a href="${escapeHtml(target)}">${label.split(piece).map(labelled).join('')}</a>` : null
}

function labelled(text: string): string {
  const verbatim = code.exec(text)?.[1]
  return verbatim === undefined ? styled(text) : `<code>${escapeHtml(verbatim)}</code>`
}

const styled = (text: string): string =>
  escapeHtml(text)
    .replaceAll(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
    .replaceAll(/(?<![\w*])\*(?!\s)([^*]+)(?<!\s)\*(?![\w*])/g, '<em>$1</em>')
