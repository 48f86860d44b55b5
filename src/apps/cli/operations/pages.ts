import { parseJson, type Client } from '../client.ts'
import { CliError } from '../exit.ts'

export interface Page {
  readonly items: readonly Readonly<Record<string, unknown>>[]
  readonly nextCursor: string | null
  /** The answer as it came. */
  readonly raw: Buffer
}

const pageMax = 200

/**
 * A list, page by page, as far as the caller goes on asking.
 *
 * @param wanted how many items at most; null where the list has no pages
 */
export async function* pagesOf(
  client: Client, path: string, query: Readonly<Record<string, string>>, wanted: number | null,
): AsyncGenerator<Page, void> {
  let left = wanted
  let cursor: string | null = null
  do {
    const more: Record<string, string> = cursor === null ? {} : { cursor }
    const limit: Record<string, string> = left === null ? {} : { limit: String(Math.min(left, pageMax)) }
    const { body } = await client.send({ method: 'GET', path, query: { ...query, ...limit, ...more } })
    const page = parseJson(body) as Partial<Page>
    if (!Array.isArray(page.items)) throw new CliError('failed', 'The answer is not a list, so it is not Claviger that answered.')
    const next: string | null = page.nextCursor ?? null
    if (next !== null && next === cursor) throw new CliError('failed', 'The list goes on for ever: its next page is the same again.')
    cursor = next
    if (left !== null) left -= page.items.length
    yield { items: page.items as Page['items'], nextCursor: cursor, raw: body }
  } while (cursor !== null && (left === null || left > 0))
}
