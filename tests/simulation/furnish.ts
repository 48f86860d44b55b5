/**
 * What every world has before anything goes wrong: somebody of each kind, and something for them to do.
 *
 * @module
 */
import type { Clients } from './clients.ts'
import { catalogue } from './deeds-on-keys.ts'
import type { Reply } from './local-exchange.ts'
import { demand, type Thing } from './model.ts'
import { making, type Scene } from './scene.ts'
import type { Request } from './server.ts'
import { idIn, keyIdOf, stateIn, type Task } from './task.ts'
import type { World } from './world.ts'

const yearMs = 365 * 86_400_000

/** @returns the credential of the first workspace's owner */
export async function furnish(world: World, clients: Clients): Promise<Thing> {
  const root = await founder(world)
  const furnisher = new Furnisher(world, clients, root)
  const api = await furnisher.make('apis.create', (name) => ({ body: { slug: name, name, prefix: name, permissions: catalogue }, makes: { kind: 'api', above: [] } }))
  const environments: Thing[] = []
  for (const recording of ['durable', 'relaxed']) environments.push(await furnisher.environment(api, recording))
  const consumers = [await furnisher.consumer(), await furnisher.consumer()]
  for (const environment of environments) for (const consumer of [...consumers, null]) await furnisher.key(environment, api, consumer)
  await furnisher.principal('admin', ['*'])
  await furnisher.principal('developer', ['*'])
  await furnisher.principal('operator', ['keys:verify'])
  if (world.dice.chance(0.5)) await secondWorkspace(world, clients, furnisher)
  return root
}

async function secondWorkspace(world: World, clients: Clients, furnisher: Furnisher): Promise<void> {
  const workspace = await furnisher.make('workspaces.create', (name) => ({ body: { name, ownerName: 'Owner' }, makes: { kind: 'workspace', above: [] } }))
  const owner = world.credentials().find(({ workspaceId }) => workspaceId === workspace.id)
  demand(owner !== undefined, () => 'a new workspace has no owner')
  const theirs = new Furnisher(world, clients, owner)
  await theirs.principal('owner', ['*'])
  const api = await theirs.make('apis.create', (name) => ({ body: { slug: name, name, prefix: name, permissions: catalogue }, makes: { kind: 'api', above: [] } }))
  await theirs.key(await theirs.environment(api, 'durable'), api, await theirs.consumer())
}

class Furnisher {
  readonly #world: World
  readonly #clients: Clients
  readonly #scene: Scene

  constructor(world: World, clients: Clients, caller: Thing) {
    this.#world = world
    this.#clients = clients
    this.#scene = { model: world.model, dice: world.dice, nowMs: world.wallMs, caller, root: caller, newName: () => world.newName() }
  }

  async make(operation: string, parts: (name: string) => { readonly params?: Task['params']; readonly body: object; readonly makes: Task['tells'] }): Promise<Thing> {
    const name = this.#world.newName()
    const before = new Set(this.#world.model.things)
    this.#clients.begin(making(this.#scene, operation, { ...parts(name), name }), true)
    await this.#world.until(() => this.#clients.underWay === 0, operation)
    const made = this.#world.model.things.find((thing) => !before.has(thing))
    demand(made !== undefined, () => `${operation} makes nothing`)
    return made
  }

  environment(api: Thing, recording: string): Promise<Thing> {
    return this.make('environments.create', (name) => ({
      params: { apiId: api.id }, body: { kind: 'production', slug: name, tag: name, recording }, makes: { kind: 'environment', above: [api] },
    }))
  }

  consumer(): Promise<Thing> {
    return this.make('consumers.create', (name) => ({ body: { reference: name, name }, makes: { kind: 'consumer', above: [] } }))
  }

  key(environment: Thing, api: Thing, consumer: Thing | null): Promise<Thing> {
    const workspace = this.#world.model.things.find(({ id }) => id === api.workspaceId)!
    return this.make('keys.create', (name) => ({
      body: { environmentId: environment.id, name, permissions: ['rpc:read'], ...(consumer === null ? {} : { consumerId: consumer.id }) },
      makes: { kind: 'key', above: [...(consumer === null ? [] : [consumer]), environment, api, workspace] },
    }))
  }

  async principal(role: string, permissions: readonly string[]): Promise<Thing> {
    const principal = await this.make('principals.create', (name) => ({ body: { name, role }, makes: { kind: 'principal', above: [] } }))
    const workspace = this.#world.model.things.find(({ id }) => id === principal.workspaceId)!
    return this.make('principals.create-credential', (name) => ({
      params: { principalId: principal.id }, body: { name, permissions }, makes: { kind: 'key', above: [principal, workspace] },
    }))
  }
}

/** The owner whom the first start made. */
async function founder(world: World): Promise<Thing> {
  const { model, rootSecret: secret } = world
  const self = (await readFirst(world, { operation: 'principals.get-self', credential: secret })).json
  const key = (await readFirst(world, { operation: 'keys.get', credential: secret, params: { keyId: String(self['credentialId']) } })).json
  const workspaceId = String(self['workspaceId'])
  const principal = self['principal'] as Readonly<Record<string, unknown>>
  const workspace = model.add({ id: workspaceId, kind: 'workspace', workspaceId, above: [], secret: null, version: 1, state: { status: 'active' } })
  const owner = model.add({
    id: idIn('principal', principal), kind: 'principal', workspaceId, above: [], secret: null, version: 1, state: stateIn('principal', principal, ''),
  })
  demand(Date.parse(String(key['expiresAt'])) === Date.parse(String(key['createdAt'])) + yearMs && keyIdOf(secret) === key['keyId'], () => 'the first credential is not what was promised')
  return model.add({ id: keyIdOf(secret), kind: 'key', workspaceId, above: [owner, workspace], secret, version: 1, state: stateIn('key', key, '') })
}

async function readFirst(world: World, request: Request): Promise<Reply> {
  const [life] = world.lives
  life!.enter()
  return world.ended(life!, life!.server!.send(request), request.operation)
}
