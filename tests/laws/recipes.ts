/**
 * What the schemas alone do not say: how to make a target of each kind, and which input an operation wants that needs a
 * target in a certain state. A new operation that needs neither appears under the laws by itself; one that does makes
 * them fail with a message that sends you here.
 *
 * @module
 */
import assert from 'node:assert/strict'
import type { JsonObject, JsonValue } from '#core/base/json'
import type { Kit } from './kit.ts'
import type { Recipe, Recipes } from './subject.ts'

const text = (answer: Readonly<Record<string, JsonValue>>, name: string): string => {
  const value = answer[name]
  assert.ok(typeof value === 'string', `${name} is in the answer`)
  return value
}

const short = (number: number): string => number.toString(36)

/** A key and its secret, of an environment of its own. */
async function freshKey(kit: Kit): Promise<{ readonly keyId: string; readonly secret: string }> {
  const key = await kit.perform('keys.create', { body: await newKeyBody(kit) })
  return { keyId: text(key, 'keyId'), secret: text(key, 'secret') }
}

const newKeyBody = async (kit: Kit): Promise<JsonObject> => ({ environmentId: await kit.target('env'), name: `Key ${kit.number()}`, permissions: ['rpc:read'] })

/** Its own workspace. */
const ownLog = async (kit: Kit, query: JsonObject = {}) => ({ params: { workspaceId: kit.tenant.workspaceId }, query })

/** An entry that lies under a checkpoint: the receipt waits for the first one that covers it. */
async function publishedEntry(kit: Kit): Promise<string> {
  const entryId = await kit.target('ent')
  await kit.perform('audit.get-receipt', { params: { entryId } })
  return entryId
}

const changed = (body: (kit: Kit) => JsonObject | Promise<JsonObject>): Recipe => async (kit) => ({ body: await body(kit) })
const renamed = changed((kit) => ({ name: `Renamed ${kit.number()}` }))

export const recipes: Recipes = {
  file: 'tests/laws/recipes.ts',
  targets: {
    wsp: async (kit) => text(await kit.perform('workspaces.create'), 'workspaceId'),
    api: async (kit) => text(await kit.perform('apis.create'), 'apiId'),
    env: async (kit) => text(await kit.perform('environments.create'), 'environmentId'),
    con: async (kit) => text(await kit.perform('consumers.create', { body: { reference: `customer-${kit.number()}`, name: `Customer ${kit.number()}` } }), 'consumerId'),
    key: async (kit) => (await freshKey(kit)).keyId,
    prn: async (kit) => text(await kit.perform('principals.create'), 'principalId'),
    ent: async (kit) => {
      await kit.perform('consumers.create')
      const { items } = await kit.perform('audit.list-entries')
      const [entry] = items as readonly JsonObject[]
      return text(entry ?? {}, 'entryId')
    },
  },
  fields: {
    slug: (number) => `law-${number}`,
    name: (number) => `Law ${number}`,
    ownerName: (number) => `Owner ${number}`,
    reference: (number) => `law-${number}`,
    prefix: (number) => `law${short(number)}`,
    role: () => 'developer',
    permissions: () => [{ name: 'rpc:read', access: 'read' }, { name: 'rpc:write', access: 'write' }],
    index: () => 0,
    from: () => 1,
  },
  operations: {
    'apis.update': renamed,
    'environments.update': changed(() => ({ recording: 'relaxed' })),
    'consumers.update': renamed,
    'principals.update': renamed,
    'principals.create-credential': renamed,
    'keys.create': changed(newKeyBody),
    'keys.update': renamed,
    'keys.verify': changed(async (kit) => ({ key: (await freshKey(kit)).secret })),
    'keys.enable': async (kit) => {
      const keyId = await kit.target('key')
      await kit.perform('keys.disable', { params: { keyId } })
      return { params: { keyId } }
    },
    'principals.enable': async (kit) => {
      const principalId = await kit.target('prn')
      await kit.perform('principals.disable', { params: { principalId } })
      return { params: { principalId } }
    },
    'workspaces.get': ownLog,
    'audit.get-receipt': async (kit) => ({ params: { entryId: await kit.target('ent') } }),
    'logs.get-checkpoint': async (kit) => {
      await publishedEntry(kit)
      return ownLog(kit)
    },
    'logs.list-checkpoints': ownLog,
    'logs.get-keys': ownLog,
    'logs.get-tile': async (kit) => {
      await publishedEntry(kit)
      return { params: { workspaceId: kit.tenant.workspaceId, path: 'entries/000.p/1' } }
    },
    'logs.prove-inclusion': async (kit) => {
      await publishedEntry(kit)
      return ownLog(kit, { index: 0 })
    },
    'logs.prove-consistency': async (kit) => {
      await publishedEntry(kit)
      return ownLog(kit, { from: 1 })
    },
  },
}
