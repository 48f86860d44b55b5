/** Commits that land while the database is being read: what was read before them is never remembered after them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { issue, offer, openWorld, write, type World } from './fixtures/world.ts'
import { requireConsumer, requireEnvironment, requireKey } from './find.ts'
import { change, disable, enable, revoke } from './key.ts'
import type { Peppers } from './peppers.ts'
import { revokeConsumer } from './revoke-consumer.ts'
import { revokeEnvironment } from './revoke-environment.ts'
import { revokeKey } from './revoke-key.ts'
import { revokeStanding } from './standing.ts'
import { consumerTable, environmentTable, keyTable, type KeyRow } from './tables.ts'
import { createVerification, type Verification } from './verification.ts'

const turns = 30

/** Peppers that are loaded when the test says so: between reading a key and remembering it. */
function gated(peppers: Peppers): { peppers: Peppers; open: () => void; reached: Promise<void> } {
  const gate = Promise.withResolvers<void>()
  const reached = Promise.withResolvers<void>()
  return {
    open: gate.resolve,
    reached: reached.promise,
    peppers: {
      known: (environmentId, version) => peppers.known(environmentId, version),
      async load(workspaceId, environmentId, version) {
        reached.resolve()
        await gate.promise
        return peppers.load(workspaceId, environmentId, version)
      },
    },
  }
}

const cold = ({ storage, guard, random, services }: World, peppers = services.peppers): Verification =>
  createVerification({ storage, guard, peppers, random })

const code = async (world: World, verification: Verification, secret: string): Promise<string> =>
  (await verification.verify(secret, { atMs: world.clock.now() })).verdict.code

const reason = { reason: 'key-compromise' } as const
const changes: Readonly<Record<string, (world: World, ids: { keyId: string; consumerId: string; environmentId: string }) => Promise<unknown>>> = {
  'a key': (world, { keyId }) => write(world, world.services, revokeKey, world.as, { params: { keyId }, body: reason }),
  'a consumer': (world, { consumerId }) => write(world, world.services, revokeConsumer, world.as, { params: { consumerId }, body: reason }),
  'an environment': (world, { environmentId }) => write(world, world.services, revokeEnvironment, world.as, { params: { environmentId }, body: reason }),
}

for (const [what, revokeIt] of Object.entries(changes)) {
  test(`K7, K8: ${what} revoked between reading a key and remembering it is revoked for the next verification`, async () => {
    const world = await openWorld()
    const { environment, consumer } = await offer(world)
    const { environmentId } = environment
    const { consumerId } = consumer
    const key = await issue(world, environmentId, { consumerId })
    const gate = gated(world.services.peppers)
    const verification = cold(world, gate.peppers)
    const underWay = verification.verify(key.secret, { atMs: world.clock.now() })
    await gate.reached
    await revokeIt(world, { keyId: key.keyId, consumerId, environmentId })
    gate.open()
    await underWay
    for (let again = 0; again < 3; again++) assert.equal(await code(world, verification, key.secret), 'revoked')
    await verification.warm()
    assert.equal(await code(world, verification, key.secret), 'revoked')
    await world.close()
  })
}

test('A13: a key that is distrusted between reading and remembering it, or once it is remembered, is refused by the next verification', async () => {
  for (const when of ['while it is read', 'when it is in memory'] as const) {
    const world = await openWorld()
    const { environment } = await offer(world)
    const [key, other] = [await issue(world, environment.environmentId), await issue(world, environment.environmentId)]
    const gate = gated(world.services.peppers)
    const verification = cold(world, gate.peppers)
    const underWay = verification.verify(key.secret, { atMs: world.clock.now() })
    await gate.reached
    if (when === 'while it is read') world.guard.distrust('keys', key.keyId, 1)
    gate.open()
    await underWay
    if (when === 'when it is in memory') {
      assert.equal(await code(world, verification, key.secret), 'valid')
      world.guard.distrust('keys', key.keyId, 1)
    }
    // Another key brings what both stand under into memory.
    assert.equal(await code(world, verification, other.secret), 'valid')
    for (let again = 0; again < 3; again++) assert.equal(await code(world, verification, key.secret), 'tampered', when)
    await verification.warm()
    assert.equal(await code(world, verification, key.secret), 'tampered', when)
    assert.ok(verification.tamperedKeys.has(key.keyId))
    await world.close()
  }
})

/** Commits as the writer does, at once: the database's state changes in this very turn. */
function commitNow(world: World, table: typeof keyTable | typeof consumerTable | typeof environmentTable, row: KeyRow): Promise<unknown> {
  return world.storage.commit({
    atMs: world.clock.now(), expects: [], appends: [], takesAway: true,
    writes: [{ kind: 'update', table, row, seal: world.guard.seal(table as typeof keyTable, row) }],
  })
}

test('K7, K8: whatever is committed at whatever moment of filling the memory counts afterwards', async () => {
  for (let turn = 0; turn < turns; turn++) {
    const world = await openWorld()
    const { environment, consumer } = await offer(world)
    const { environmentId } = environment
    const { consumerId } = consumer
    const [held, gone, back, changed] = [
      await issue(world, environmentId, { consumerId }), await issue(world, environmentId), await issue(world, environmentId), await issue(world, environmentId),
    ]
    const { workspaceId } = world.tenant
    const row = (id: string) => requireKey(world, workspaceId, id)
    const nowMs = world.clock.now()
    const revoked = revoke(await row(gone.keyId), 'superseded', nowMs)
    const disabled = disable(await row(back.keyId))
    const enabled = enable(disabled, nowMs)
    const before = await row(changed.keyId)
    const widened = change(before, { ...before, permissions: '["rpc:write"]' }, nowMs)
    const dismissed = revokeStanding(await requireConsumer(world, workspaceId, consumerId), 'superseded', nowMs)
    const verification = cold(world)
    const warmed = verification.warm()
    for (let wait = 0; wait < turn; wait++) await Promise.resolve()
    const commits = [commitNow(world, keyTable, revoked), commitNow(world, keyTable, disabled), commitNow(world, keyTable, enabled), commitNow(world, keyTable, widened)]
    await Promise.resolve()
    commits.push(commitNow(world, consumerTable, dismissed as never))
    await Promise.all([warmed, ...commits])
    const codes = [held, gone, back].map(({ secret }) => code(world, verification, secret))
    assert.deepEqual(await Promise.all(codes), ['revoked', 'revoked', 'valid'], `after ${turn} turns`)
    const asked = { atMs: nowMs, permissions: { all: ['rpc:write'] } }
    assert.equal((await verification.verify(changed.secret, asked)).verdict.code, 'valid', `after ${turn} turns`)
    await world.close()
  }
})

test('K7, K8: an environment revoked at whatever moment of a verification is revoked for the next one', async () => {
  for (let turn = 0; turn < turns; turn++) {
    const world = await openWorld()
    const { environment } = await offer(world)
    const key = await issue(world, environment.environmentId)
    const revoked = revokeStanding(await requireEnvironment(world, world.tenant.workspaceId, environment.environmentId), 'superseded', world.clock.now())
    const verification = cold(world)
    const underWay = verification.verify(key.secret, { atMs: world.clock.now() })
    for (let wait = 0; wait < turn; wait++) await Promise.resolve()
    await commitNow(world, environmentTable, revoked as never)
    await underWay
    assert.equal(await code(world, verification, key.secret), 'revoked', `after ${turn} turns`)
    await world.close()
  }
})

test('keys made while the memory is filled are found when it is complete', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  for (let key = 0; key < 30; key++) await issue(world, environment.environmentId)
  const verification = cold(world)
  const warmed = verification.warm()
  const made = []
  for (let key = 0; key < 20; key++) made.push(await issue(world, environment.environmentId))
  await warmed
  for (const { secret } of made) assert.equal(await code(world, verification, secret), 'valid')
  await world.close()
})

test('a verification that was stopped, or started anew, leaves its filling', async () => {
  const world = await openWorld()
  const { environment } = await offer(world)
  const key = await issue(world, environment.environmentId)
  const verification = cold(world)
  const first = verification.warm()
  const second = verification.warm()
  await Promise.all([first, second])
  const stopped = verification.warm()
  verification.stop()
  await stopped
  assert.equal(await code(world, verification, key.secret), 'valid')
  await world.close()
})
