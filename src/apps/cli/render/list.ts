/**
 * Lists: a table on a terminal, tabs and lines for programs.
 *
 * @module
 */
import type { JsonSchema } from '../operations/fields.ts'
import type { Terminal } from '../terminal.ts'
import { writeTable, type Column } from './table.ts'
import { visible, words, wrap } from './text.ts'
import { cellOf, plainOf, statusOf, type Item } from './values.ts'

/** What is worth most in a narrow window; what is not named comes after, in the schema's order. */
const importance: Readonly<Record<string, number>> = {
  slug: 1, reference: 1, status: 1, event: 1, code: 1, at: 1, name: 2, target: 2, environmentId: 3, role: 2, access: 1, description: 3,
  permissions: 4, lastUsedAt: 4, expiresAt: 4, prefix: 4, tag: 3, apiId: 5, kind: 5, consumerId: 6, principalId: 6, createdAt: 7,
}
const notShown: ReadonlySet<string> = new Set(['version', 'genuine', 'salt', 'details', 'rows'])
const othersRank = 8
const columnsMax = 9

/** The members of a list's items that make columns. */
export function columnsOf(itemSchema: JsonSchema): readonly string[] {
  const names = Object.entries(itemSchema.properties ?? {}).filter(([name, schema]) => !notShown.has(name) && isFlat(schema)).map(([name]) => name)
  const ranked = [...names].sort((a, b) => rankOf(a, names) - rankOf(b, names)).slice(0, columnsMax)
  return names.filter((name) => ranked.includes(name))
}

const rankOf = (name: string, names: readonly string[]): number => (name === names[0] ? 0 : (importance[name] ?? othersRank))

/** Fits one cell: a plain value, or a list of words. Bytes are for programs. */
function isFlat(schema: JsonSchema): boolean {
  const forms = schema.anyOf ?? [schema]
  return forms.every(({ contentEncoding }) => contentEncoding === undefined) && forms.every((form) => form.type !== 'object' && (form.type !== 'array' || form.items?.type === 'string'))
}

export function writeList(terminal: Terminal, itemSchema: JsonSchema, items: readonly Item[], nowMs: number): void {
  const { out, err } = terminal
  const names = columnsOf(itemSchema)
  if (!out.isTerminal) {
    for (const item of items) out.line(names.map((name) => visible(plainOf(valueOf(item, name)))).join('\t'))
    return
  }
  // A column in which there is nothing says nothing.
  const shown = names.filter((name) => rankOf(name, names) < 2 || items.some((item) => !isNothing(valueOf(item, name))))
  const columns = shown.map((name): Column => ({ heading: words(name).toUpperCase(), rank: rankOf(name, names), least: leastOf(name) }))
  const hidden = writeTable(out, columns, items.map((item) => shown.map((name) => cellOf(valueOf(item, name), nowMs))))
  if (hidden.length === 0) return
  for (const line of wrap(`not shown, for want of width: ${hidden.join(', ').toLowerCase()} (--json has all)`, err.width)) err.line(err.paint('dim', line))
}

const isNothing = (value: unknown): boolean => value === null || value === undefined || value === '' || value === false || (Array.isArray(value) && value.length === 0)

const valueOf = (item: Item, name: string): unknown => (name === 'status' ? statusOf(item) : item[name])

/** Ids and times are of no use when cut. */
function leastOf(name: string): number {
  if (name.endsWith('Id') || name === 'target') return 20
  if (name.endsWith('At') || name === 'at') return 16
  return name === 'event' ? 18 : name === 'status' || name === 'kind' || name === 'code' ? 12 : 10
}
