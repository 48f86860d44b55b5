import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson } from '#core/base/json'
import { requireApi, requireConsumer, requireEnvironment, requireKey } from './find.ts'
import { issue, offer, openWorld, testStartMs } from './fixtures/world.ts'
import { legibleApi, legibleConsumer, legibleEnvironment, legibleKey } from './legible.ts'
import { defaultPolicies } from './policy.ts'
import { revokeAnyway } from './standing.ts'
import type { ApiRow, ConsumerRow, EnvironmentRow, KeyRow } from './tables.ts'

interface Rows {
  readonly api: ApiRow
  readonly environment: EnvironmentRow
  readonly consumer: ConsumerRow
  readonly key: KeyRow
}

async function rowsOf(): Promise<Rows> {
  const world = await openWorld()
  const { api, environment, consumer } = await offer(world)
  const { consumerId } = consumer
  const key = await issue(world, environment.environmentId, {
    consumerId, ipRanges: ['203.0.113.0/24'], origins: ['https://a.example'], timeWindow: { days: [1], from: '08:00', to: '09:00' },
  })
  const { workspaceId } = world.tenant
  const rows = {
    api: await requireApi(world.services, workspaceId, api.apiId),
    environment: await requireEnvironment(world.services, workspaceId, environment.environmentId),
    consumer: await requireConsumer(world.services, workspaceId, consumerId),
    key: await requireKey(world.services, workspaceId, key.keyId),
  }
  await world.close()
  return rows
}

const rows = await rowsOf()
const kinds = { api: legibleApi, environment: legibleEnvironment, consumer: legibleConsumer, key: legibleKey } as const
const legible = (kind: keyof Rows, altered: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  ({ ...(kinds[kind] as (row: object) => object)({ ...rows[kind], ...altered }) })

/** A row without what stands beside its content: that is made anew when it is written. */
const content = ({ salt: _salt, mac: _mac, head_version: _head, ...row }: Record<string, unknown>): Record<string, unknown> => row

test('a row as we write it is shown as it is', () => {
  for (const kind of Object.keys(kinds) as (keyof Rows)[]) {
    assert.deepEqual(content(legible(kind, {})), content({ ...rows[kind] }))
    assert.deepEqual(legible(kind, { version: 2 ** 48 })['version'], 2 ** 48)
  }
  assert.equal(legible('key', { status: 'disabled' })['status'], 'disabled')
  assert.equal(legible('api', { name: 'x'.repeat(8_192) })['name'], 'x'.repeat(8_192))
})

const endless = 'x'.repeat(8_193)
const texts = [5, null, endless, 'a\0b', '\ud800', Buffer.from('a')]
const times = [-1, 1.5, '5', null, Date.UTC(10_000, 0, 1), 2 ** 60, Infinity, NaN]
const versions = [0, -1, 1.5, '1', null, 2 ** 48 + 1, Infinity]
const ids = ['', 'con', 'prn_1', 'con_0000000000000000x', 5]
const lists = ['', '{}', '[1]', '5', 'null', '["a\\u0000b"]', '[', 5, null, JSON.stringify([endless])]
const permission = { name: 'a', access: 'read', description: '' }
const policy = defaultPolicies.test

/** Of each kind and column: what does not fit, and what is shown instead. */
const forms: readonly (readonly [kind: keyof Rows, column: string, unfit: readonly unknown[], instead: unknown])[] = [
  ...(Object.keys(kinds) as (keyof Rows)[]).flatMap((kind) => [
    [kind, 'version', versions, 1], [kind, 'created_at_ms', times, 0], [kind, 'workspace_id', [...ids, null, 'api_0123456789abcdef'], 'wsp_0000000000000000'],
    [kind, 'revoked_at_ms', times, null], [kind, 'revocation_reason', ['because', 5, ''], null], [kind, 'status', ['pending', '', null, 1], 'revoked'],
  ] as const),
  ['api', 'name', texts, ''], ['api', 'slug', texts, ''], ['api', 'prefix', texts, ''], ['api', 'built_in', [2, '1', null, true], 0],
  ['api', 'catalogue', [...lists, '[{}]', ...[{ access: 'all' }, { name: 5 }, { description: null }, { more: 1 }].map((part) => JSON.stringify([{ ...permission, ...part }]))], '[]'],
  ['environment', 'kind', ['live', null, 5], 'production'], ['environment', 'recording', ['never', null], 'durable'], ['environment', 'pepper_version', versions, 1],
  ['environment', 'tag', texts, ''], ['environment', 'slug', texts, ''], ['environment', 'api_id', [...ids, null], 'api_0000000000000000'],
  ['environment', 'policy', [
    ...lists, '[]', ...[{ maxLifetimeDays: 0 }, { maxLifetimeDays: 1.5 }, { maxUnrestrictedDangerousDays: '1' }, { requireIpRanges: 1 }, { more: 1 }].map((part) => JSON.stringify({ ...policy, ...part })),
    JSON.stringify({ maxLifetimeDays: 1, requireIpRanges: true }),
  ], JSON.stringify(defaultPolicies.production)],
  ['consumer', 'reference', texts.filter((text) => text !== null), null], ['consumer', 'name', texts.filter((text) => text !== null), null],
  ['consumer', 'erased_at_ms', times, null],
  ['key', 'name', texts, ''], ['key', 'kind', ['hmac', null], 'bearer'], ['key', 'hash', [Buffer.alloc(31), Buffer.alloc(33), 'x'.repeat(32), null], new Uint8Array(32)],
  ['key', 'permissions', lists, '[]'], ['key', 'ip_ranges', lists, '[]'], ['key', 'origins', lists, '[]'], ['key', 'pepper_version', versions, 1],
  ['key', 'time_window', ['{}', '[]', '{"days":[8],"from":"08:00","to":"09:00"}', 5, 'x'], null], ['key', 'created_by', [...ids, null], 'prn_0000000000000000'],
  ['key', 'consumer_id', ids, null], ['key', 'principal_id', ids, null], ['key', 'environment_id', [...ids, null], 'env_0000000000000000'],
]

test('what has not the form of our own rows is shown as something neutral, whatever it is', () => {
  for (const [kind, column, unfit, instead] of forms) {
    for (const value of unfit) assert.deepEqual(legible(kind, { [column]: value })[column], instead, `${kind}.${column}: ${String(value).slice(0, 40)}`)
    assert.deepEqual(legible(kind, { [column]: undefined })[column], instead, `${kind}.${column}, left out`)
  }
})

test('a key that is not to be believed has one holder, and ends after it began', () => {
  const principal = 'prn_0123456789abcdef'
  assert.deepEqual([legible('key', { principal_id: principal })].map((key) => [key['consumer_id'], key['principal_id']]), [[null, principal]])
  for (const expires of [0, testStartMs, 'never']) assert.equal(legible('key', { expires_at_ms: expires })['expires_at_ms'], rows.key.created_at_ms + 1)
})

const anything = fc.oneof(fc.string(), fc.integer(), fc.double(), fc.constant(null), fc.uint8Array({ maxLength: 40 }), fc.constantFrom('[]', '{}', 'active', '\0', '\ud800', 2 ** 60))

test('whatever stands in what keys stand under, it can be revoked, and written again', () => {
  fc.assert(fc.property(fc.constantFrom('api', 'environment', 'consumer'), fc.dictionary(fc.nat(20).map(String), anything), (kind, altered) => {
    const columns = Object.keys(rows[kind])
    const row = Object.fromEntries(Object.entries(altered).map(([at, value]) => [columns[Number(at) % columns.length]!, value]))
    const revoked = revokeAnyway(legible(kind, row) as unknown as ApiRow, 'superseded', testStartMs)
    assert.equal(revoked.status, 'revoked')
    canonicalJson({ ...revoked } as never)
  }), { numRuns: 500 })
})
