/**
 * The real server under the laws: the whole composition, on SQLite or PostgreSQL.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatToken, parseToken } from '@claviger/verifier'
import { Client } from 'pg'
import { toTimestamp } from '#core/base/clock'
import { systemRandom } from '#core/crypto/random'
import { operations } from '../../src/apps/operations.ts'
import { call, startTestInstance, type TestInstance } from '../support/instance.ts'
import { breakSqlite } from './break-sqlite.ts'
import { Kit } from './kit.ts'
import { recipes } from './recipes.ts'
import { createJournal, type BadCredential, type Subject, type Tenant, type Trace } from './subject.ts'

const minuteMs = 60_000

/** @param databaseUrl of PostgreSQL; absent: SQLite */
export async function openInstanceSubject(databaseUrl?: string): Promise<Subject & { close(): Promise<void> }> {
  let aheadMs = 0
  const instance = await startTestInstance({
    wallMs: () => Date.now() + aheadMs,
    // The laws send more bad credentials than anybody may, and no single request at a time.
    limits: { refusedCredentialsMax: 1_000_000 },
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
  })
  const home: Tenant = { workspaceId: instance.workspaceId, owner: instance.ownerSecret }
  const founded = await post(instance, '/v1/workspaces', { name: 'The other', ownerName: 'Its owner' })
  const credentials = new Map<string, string>()
  let bad: readonly BadCredential[] | null = null

  const subject: Subject = {
    url: instance.url,
    operations,
    storage: instance.instance.storage,
    home,
    other: { workspaceId: founded('workspaceId'), owner: founded('secret') },
    reachesAcross: ({ id }) => id.startsWith('workspaces.'),
    recipes,
    journal: createJournal(),
    async credentialWith(permissions) {
      const name = [...permissions].sort().join()
      const known = credentials.get(name)
      if (known !== undefined) return known
      const { secret } = await newCredential(instance, { permissions })
      credentials.set(name, secret)
      return secret
    },
    badCredentials: async () => (bad ??= await makeBadCredentials(instance, subject, () => (aheadMs += 5 * minuteMs))),
    breakCommits: () => (databaseUrl === undefined ? breakSqlite(databaseFile(instance)) : breakPostgres(databaseUrl)),
    traces: async () => [
      { where: 'a log line', bytes: Buffer.from(instance.logLines.join('\n'), 'utf8') },
      ...(databaseUrl === undefined ? filesOf(instance) : await rowsOf(databaseUrl)),
    ],
  }
  return { ...subject, close: () => instance.close() }
}

type Field = (name: string) => string

async function post(instance: TestInstance, path: string, body?: object, credential?: string): Promise<Field> {
  const answer = await call(instance, 'POST', path, body, credential === undefined ? {} : { credential })
  assert.ok(answer.status < 300, `${path}: ${answer.status} ${answer.text}`)
  return (name) => String(answer.json[name])
}

let principals = 0

/** A credential of a principal of its own, who is an owner: what it may do, its own permissions say. */
async function newCredential(instance: TestInstance, of: { readonly permissions?: readonly string[]; readonly expiresAt?: string }): Promise<{ secret: string; keyId: string; principalId: string }> {
  const principal = await post(instance, '/v1/principals', { name: `Law principal ${++principals}`, role: 'owner' })
  const principalId = principal('principalId')
  const credential = await post(instance, `/v1/principals/${principalId}/credentials`, { name: 'for the laws', ...of })
  return { secret: credential('secret'), keyId: credential('keyId'), principalId }
}

/** @param passTime lets five minutes pass */
async function makeBadCredentials(instance: TestInstance, subject: Subject, passTime: () => void): Promise<readonly BadCredential[]> {
  const owner = instance.ownerSecret
  const parts = parseToken(owner)
  assert.ok(parts !== null)
  const bearer = (what: string, credential: string): BadCredential => ({ what, authorization: `Bearer ${credential}` })

  const [revoked, disabled, ended, resting, expiring] = [
    await newCredential(instance, {}), await newCredential(instance, {}), await newCredential(instance, {}), await newCredential(instance, {}),
    await newCredential(instance, { expiresAt: toTimestamp(instance.instance.clock.now() + minuteMs) }),
  ]
  await post(instance, `/v1/keys/${revoked.keyId}/revoke`, { reason: 'key-compromise' })
  await post(instance, `/v1/keys/${disabled.keyId}/disable`)
  await post(instance, `/v1/principals/${ended.principalId}/revoke`)
  await post(instance, `/v1/principals/${resting.principalId}/disable`)
  const workspace = await post(instance, '/v1/workspaces', { name: 'Ended', ownerName: 'Nobody' })
  await post(instance, `/v1/workspaces/${workspace('workspaceId')}/revoke`, { reason: 'cessation-of-operation' })
  const customers = await new Kit(subject).perform('keys.create', { body: { environmentId: await new Kit(subject).target('env'), name: 'A customer\'s', permissions: ['rpc:read'] } })
  passTime()
  return [
    { what: 'no credential', authorization: null },
    { what: 'another scheme', authorization: `Basic ${Buffer.from(`owner:${owner}`).toString('base64')}` },
    { what: 'a credential without a scheme', authorization: owner },
    { what: 'two credentials', authorization: `Bearer ${owner} ${owner}` },
    { what: 'a scheme without a credential', authorization: 'Bearer ' },
    bearer('garbage', 'garbage'),
    bearer('an endless credential', 'x'.repeat(4_000)),
    bearer('a truncated credential', owner.slice(0, -1)),
    bearer('an altered credential', owner.slice(0, -8) + (owner.at(-8) === 'a' ? 'b' : 'a') + owner.slice(-7)),
    bearer('a forged secret under a known id', formatToken({ ...parts, secret: systemRandom.base62(43) })),
    bearer('a well-formed credential of nobody', formatToken({ ...parts, id: systemRandom.base62(16), secret: systemRandom.base62(43) })),
    bearer('a revoked credential', revoked.secret),
    bearer('a disabled credential', disabled.secret),
    bearer('a credential of a revoked principal', ended.secret),
    bearer('a credential of a disabled principal', resting.secret),
    bearer('an expired credential', expiring.secret),
    bearer('a credential of a revoked workspace', workspace('secret')),
    bearer('a key of a customer', typeof customers['secret'] === 'string' ? customers['secret'] : ''),
  ]
}

const databaseFile = ({ dataDirectory }: TestInstance): string => join(dataDirectory, 'claviger.db')

/** Every file but the one in which the first credential is delivered. */
const filesOf = ({ dataDirectory }: TestInstance): readonly Trace[] =>
  readdirSync(dataDirectory).filter((name) => name.startsWith('claviger.db')).map((name) => ({ where: name, bytes: readFileSync(join(dataDirectory, name)) }))

/** Rows as text, in which bytes stand in hexadecimal. */
async function rowsOf(databaseUrl: string): Promise<readonly Trace[]> {
  return withClient(databaseUrl, async (client) => {
    const tables = await client.query<{ tablename: string }>(`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`)
    const traces: Trace[] = []
    for (const { tablename } of tables.rows) {
      const { rows } = await client.query<{ line: string }>(`SELECT t::text AS line FROM "${tablename}" t`)
      traces.push({ where: `table ${tablename}`, bytes: Buffer.from(rows.map(({ line }) => line).join('\n'), 'utf8') })
    }
    return traces
  })
}

async function breakPostgres(databaseUrl: string): Promise<() => Promise<void>> {
  await withClient(databaseUrl, (client) => client.query(`
    CREATE FUNCTION law_refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused for a law'; END $$;
    CREATE TRIGGER law_refuses BEFORE INSERT ON entries_pending EXECUTE FUNCTION law_refuses()`))
  return async () => void (await withClient(databaseUrl, (client) => client.query('DROP TRIGGER law_refuses ON entries_pending; DROP FUNCTION law_refuses')))
}

async function withClient<Result>(connectionString: string, work: (client: Client) => Promise<Result>): Promise<Result> {
  const client = new Client({ connectionString })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
