import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatToken, parseToken } from '@claviger/verifier'
import fc from 'fast-check'
import { Fault } from '#core/base/fault'
import { emptyCommit } from '#core/storage/commit'
import { readGuarded } from '#core/storage/guarded-read'
import { createEnvironment } from './create-environment.ts'
import { createConsumer } from './create-consumer.ts'
import { disableKey } from './disable-key.ts'
import { enableKey } from './enable-key.ts'
import { issue, offer, openWorld, write, type World } from './fixtures/world.ts'
import { revokeApi } from './revoke-api.ts'
import { revokeConsumer } from './revoke-consumer.ts'
import { revokeEnvironment } from './revoke-environment.ts'
import { revokeKey } from './revoke-key.ts'
import { revokeAnyway } from './standing.ts'
import { workspaceTable } from './tables.ts'
import { updateKey } from './update-key.ts'
import { createVerification, type Verification } from './verification.ts'

/** What a key is to a reader who knows nothing of how it is stored. */
interface ModelKey {
  readonly keyId: string
  readonly secret: string
  readonly environment: number
  readonly consumer: number | null
  status: 'active' | 'disabled' | 'revoked'
  permissions: readonly string[]
  expiresAtMs: number
}

const environmentsOfApi = [0, 0, 1]
const hourMs = 3_600_000

interface Model {
  readonly keys: ModelKey[]
  readonly revokedConsumers: Set<number>
  readonly revokedEnvironments: Set<number>
  readonly revokedApis: Set<number>
}

interface Request {
  readonly environment: number | null
  readonly permission: string | null
}

function expected(model: Model, key: ModelKey, request: Request, nowMs: number): string {
  if (key.status !== 'active') return key.status
  if (key.consumer !== null && model.revokedConsumers.has(key.consumer)) return 'revoked'
  if (model.revokedEnvironments.has(key.environment) || model.revokedApis.has(environmentsOfApi[key.environment] as number)) return 'revoked'
  if (nowMs >= key.expiresAtMs) return 'expired'
  if (request.environment !== null && request.environment !== key.environment) return 'wrong-environment'
  if (request.permission !== null && !key.permissions.includes(request.permission)) return 'permission-denied'
  return 'valid'
}

/** A key that was changed by an operation which was taken; operations that are refused change nothing. */
async function attempt(operation: Promise<unknown>, taken: () => void): Promise<void> {
  try {
    await operation
    taken()
  } catch (error) {
    assert.ok(error instanceof Fault, String(error))
  }
}

const permissionSets = fc.subarray(['rpc:read', 'rpc:write'])
const commands = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ act: fc.constant('create' as const), environment: fc.nat(2), consumer: fc.option(fc.nat(1)), permissions: permissionSets, hours: fc.integer({ min: 1, max: 48 }) }) },
    { weight: 3, arbitrary: fc.record({ act: fc.constantFrom('disable' as const, 'enable' as const, 'revoke' as const), key: fc.nat(9) }) },
    { weight: 2, arbitrary: fc.record({ act: fc.constant('update' as const), key: fc.nat(9), permissions: permissionSets, hours: fc.integer({ min: 1, max: 48 }) }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant('revoke-above' as const), what: fc.constantFrom('consumer', 'environment', 'api'), which: fc.nat(2) }) },
    { weight: 2, arbitrary: fc.record({ act: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 8 * hourMs }) }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant('restart' as const), warm: fc.boolean() }) },
  ),
  { minLength: 5, maxLength: 25 },
)

async function prepare(world: World) {
  const first = await offer(world)
  const second = await offer(world)
  const staging = await write(world, world.services, createEnvironment, world.as, { params: { apiId: first.api.apiId }, body: { kind: 'test' } })
  const nobody = await write(world, world.services, createConsumer, world.as, { body: {} })
  return {
    apis: [first.api.apiId, second.api.apiId],
    environments: [first.environment.environmentId, staging.environmentId, second.environment.environmentId],
    consumers: [first.consumer.consumerId, nobody.consumerId],
  }
}

test('K2, K3, K4, K7: over any history, verification says what a naive model says, from memory and from the database', async () => {
  await fc.assert(fc.asyncProperty(commands, async (history) => {
    const world = await openWorld()
    const { storage, guard, random, services, clock } = world
    const ids = await prepare(world)
    const model: Model = { keys: [], revokedConsumers: new Set(), revokedEnvironments: new Set(), revokedApis: new Set() }
    const fromDatabase = createVerification({ storage: { ...storage, exclusive: false }, guard, peppers: services.peppers, random })
    let fromMemory = services.verification
    const at = (hours: number): string => new Date(clock.now() + hours * hourMs).toISOString()

    for (const command of history) {
      const key = 'key' in command ? model.keys[command.key % Math.max(1, model.keys.length)] : undefined
      if (command.act === 'create') {
        const { environment, consumer, permissions, hours } = command
        const body = { permissions, expiresAt: at(hours), ...(consumer === null ? {} : { consumerId: ids.consumers[consumer] as string }) }
        await attempt(issue(world, ids.environments[environment] as string, body).then(({ keyId, secret }) => {
          model.keys.push({ keyId, secret, environment, consumer, status: 'active', permissions, expiresAtMs: clock.now() + hours * hourMs })
        }), () => {})
      } else if (command.act === 'pass') world.pass(command.ms)
      else if (command.act === 'restart') {
        fromMemory.stop()
        fromMemory = createVerification({ storage, guard, peppers: services.peppers, random })
        if (command.warm) await fromMemory.warm()
      } else if (command.act === 'revoke-above') {
        const body = { reason: 'superseded' as const }
        if (command.what === 'consumer') {
          const which = command.which % 2
          await attempt(write(world, services, revokeConsumer, world.as, { params: { consumerId: ids.consumers[which] as string }, body }), () => void model.revokedConsumers.add(which))
        } else if (command.what === 'environment') {
          await attempt(write(world, services, revokeEnvironment, world.as, { params: { environmentId: ids.environments[command.which] as string }, body }), () => void model.revokedEnvironments.add(command.which))
        } else {
          const which = command.which % 2
          await attempt(write(world, services, revokeApi, world.as, { params: { apiId: ids.apis[which] as string }, body }), () => void model.revokedApis.add(which))
        }
      } else if (key !== undefined) {
        const params = { keyId: key.keyId }
        if (command.act === 'disable') await attempt(write(world, services, disableKey, world.as, { params }), () => void (key.status = 'disabled'))
        else if (command.act === 'enable') await attempt(write(world, services, enableKey, world.as, { params }), () => void (key.status = 'active'))
        else if (command.act === 'revoke') await attempt(write(world, services, revokeKey, world.as, { params, body: { reason: 'superseded' } }), () => void (key.status = 'revoked'))
        else if (command.act === 'update') {
          const { permissions, hours } = command
          await attempt(write(world, services, updateKey, world.as, { params, body: { permissions, expiresAt: at(hours) } }), () => {
            key.permissions = permissions
            key.expiresAtMs = clock.now() + hours * hourMs
          })
        }
      }
      for (const known of model.keys) await compare(world, model, known, [fromMemory, fromDatabase], ids.environments)
    }
    fromMemory.stop()
    await world.close()
  }), { numRuns: 15 })
})

async function compare(world: World, model: Model, key: ModelKey, verifications: readonly Verification[], environments: readonly string[]): Promise<void> {
  for (const request of [{ environment: null, permission: null }, { environment: 0, permission: null }, { environment: null, permission: 'rpc:write' }]) {
    const nowMs = world.clock.now()
    const asked = {
      atMs: nowMs,
      ...(request.environment === null ? {} : { environmentId: environments[request.environment] as string }),
      ...(request.permission === null ? {} : { permissions: { all: [request.permission] } }),
    }
    for (const verification of verifications) {
      assert.equal((await verification.verify(key.secret, asked)).verdict.code, expected(model, key, request, nowMs))
    }
  }
}

test('a token with another secret, an unknown one and garbage are told apart from nothing', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const key = await issue(world, environment.environmentId)
  const other = await issue(world, environment.environmentId)
  const { verification } = world.services
  const request = { atMs: world.clock.now() }
  const code = async (token: string) => (await verification.verify(token, request)).verdict.code
  for (const warmed of [false, true]) {
    if (warmed) await verification.warm()
    assert.equal(await code(key.secret.slice(0, -1)), 'malformed')
    assert.equal(await code(''), 'malformed')
    const outcome = await verification.verify(unknownToken(world), request)
    assert.deepEqual([outcome.verdict.code, outcome.record, outcome.environment], ['not-found', null, null])
    // The id of one key with the secret of another, its checksum right.
    assert.equal(await code(wrongSecret(key.secret, other.secret)), 'not-found')
  }
  await world.close()
})

const unknownToken = ({ random }: World): string =>
  formatToken({ prefix: 'acme', tag: 'live', id: random.base62(16), secret: random.base62(43) })

function wrongSecret(token: string, other: string): string {
  const parsed = parseToken(token)
  assert.ok(parsed !== null)
  return formatToken({ ...parsed, secret: other.slice(-49, -6) })
}

test('K7: what ends above a key counts for its very next verification, from memory, and for no key beside it', async () => {
  const ends: Readonly<Record<string, (world: World, ids: { readonly [what: string]: string }) => Promise<unknown>>> = {
    consumer: (world, { consumerId }) => write(world, world.services, revokeConsumer, world.as, { params: { consumerId: consumerId! }, body: { reason: 'superseded' } }),
    environment: (world, { environmentId }) => write(world, world.services, revokeEnvironment, world.as, { params: { environmentId: environmentId! }, body: { reason: 'superseded' } }),
    api: (world, { apiId }) => write(world, world.services, revokeApi, world.as, { params: { apiId: apiId! }, body: { reason: 'superseded' } }),
    async workspace(world, { workspaceId }) {
      const found = await readGuarded(world.storage.reader<never>(), world.guard, workspaceTable, workspaceId!)
      const row = revokeAnyway(found!.row, 'superseded', world.clock.now())
      await world.storage.commit({ ...emptyCommit, writes: [{ kind: 'update', table: workspaceTable, row, seal: world.guard.seal(workspaceTable, row) }] })
    },
  }
  for (const [what, end] of Object.entries(ends)) {
    const world = await openWorld()
    const tenant = await world.found()
    const [one, beside, elsewhere] = [await offer(world), await offer(world), await offer(world, { as: { caller: tenant.owner } })]
    const { environmentId } = one.environment
    const key = await issue(world, environmentId, { consumerId: one.consumer.consumerId })
    const others = [await issue(world, beside.environment.environmentId), await issue(world, elsewhere.environment.environmentId, {}, { caller: tenant.owner })]
    const code = async (secret: string) => (await world.services.verification.verify(secret, { atMs: world.clock.now() })).verdict.code
    const codes = () => Promise.all([key, ...others].map(({ secret }) => code(secret)))
    await world.services.verification.warm()
    assert.deepEqual(await codes(), ['valid', 'valid', 'valid'])
    await end(world, { consumerId: one.consumer.consumerId, environmentId, apiId: one.api.apiId, workspaceId: world.tenant.workspaceId })
    assert.deepEqual(await codes(), ['revoked', what === 'workspace' ? 'revoked' : 'valid', 'valid'], what)
    assert.deepEqual(await codes(), ['revoked', what === 'workspace' ? 'revoked' : 'valid', 'valid'], what)
    await world.close()
  }
})
