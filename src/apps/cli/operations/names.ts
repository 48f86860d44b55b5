/**
 * Friendlier names where an id is wanted. Ids pass through as they are, without asking the server anything.
 *
 * @module
 */
import { parseToken } from '@claviger/verifier'
import { revealSecret } from '#core/base/secret'
import type { Client } from '../client.ts'
import { CliError, usageError } from '../exit.ts'
import { readFile } from '../secret-input.ts'
import { pagesOf } from './pages.ts'

interface Naming {
  /** What may stand instead of the id, for help. */
  readonly also: string
  readonly example: string
  readonly find: (text: string, client: Client) => Promise<string>
}

type Item = Readonly<Record<string, unknown>>

/** By the prefix of the id that is wanted. */
export const namings: Readonly<Record<string, Naming>> = {
  api: { also: 'or its slug', example: 'market-data', find: findApi },
  env: {
    also: 'or <api-slug>/<environment-slug>',
    example: 'market-data/production',
    async find(text, client) {
      const [apiSlug = '', slug = '', ...rest] = text.split('/')
      if (slug === '' || rest.length > 0) throw usageError(`An environment is named by its id, or as <api-slug>/<environment-slug>: market-data/production.`)
      const apiId = apiSlug.startsWith('api_') ? apiSlug : await findApi(apiSlug, client)
      return oneOf(client, '/v1/environments', { apiId }, (item) => item['slug'] === slug, 'environmentId', `environment ${slug} of the API ${apiSlug}`)
    },
  },
  con: {
    also: 'or your reference of the customer',
    example: 'acme',
    find: (reference, client) => oneOf(client, '/v1/consumers', { reference }, (item) => item['reference'] === reference, 'consumerId', `consumer with the reference ${reference}`),
  },
  key: {
    also: 'or @FILE that holds the key',
    example: 'key_4Fh2kQ9sVbT1xY7z',
    async find(text) {
      if (!text.startsWith('@')) throw usageError('A key is named by its id (key_…), or as @FILE with the key in it.')
      const token = parseToken(revealSecret(await readFile(text.slice(1))))
      if (token === null) throw usageError(`${text.slice(1)} does not hold a key, or not a whole one.`)
      return `key_${token.id}`
    },
  },
  prn: {
    also: 'or its name, or `self`',
    example: 'self',
    async find(text, client) {
      if (text === 'self') return (await self(client)).principal.principalId
      return oneOf(client, '/v1/principals', {}, (item) => item['name'] === text, 'principalId', `principal named ${text}`)
    },
  },
  wsp: {
    also: 'or `self` for your own',
    example: 'self',
    async find(text, client) {
      if (text !== 'self') throw usageError('A workspace is named by its id (wsp_…), or as `self`.')
      return client.connection.workspaceId ?? (await self(client)).workspaceId
    },
  },
}

/** @throws CliError usage, notFound */
export async function resolveId(prefix: string, text: string, client: Client): Promise<string> {
  if (new RegExp(`^${prefix}_[0-9A-Za-z]{16}$`).test(text)) return text
  const naming = namings[prefix]
  return naming === undefined ? text : naming.find(text, client)
}

interface Self {
  readonly workspaceId: string
  readonly principal: { readonly principalId: string }
}

const self = (client: Client): Promise<Self> => client.json<Self>({ method: 'GET', path: '/v1/self' })

function findApi(slug: string, client: Client): Promise<string> {
  return oneOf(client, '/v1/apis', {}, (item) => item['slug'] === slug, 'apiId', `API ${slug}`)
}

async function oneOf(
  client: Client, path: string, query: Readonly<Record<string, string>>, matches: (item: Item) => boolean, idName: string, what: string,
): Promise<string> {
  const found: Item[] = []
  for await (const { items } of pagesOf(client, path, query, Infinity)) found.push(...items.filter(matches))
  // Of several with one name, those that were revoked are not meant.
  const standing = found.length > 1 ? found.filter((item) => item['status'] !== 'revoked') : found
  const id = standing[0]?.[idName]
  if (standing.length > 1) throw new CliError('conflict', `There are ${standing.length} with that name: ${standing.map((item) => String(item[idName])).join(', ')}.`, ['Name one by its id.'])
  if (typeof id !== 'string') throw new CliError('notFound', `There is no ${what}.`)
  return id
}
