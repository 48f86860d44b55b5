import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Kysely } from 'kysely'
import { roles, type Role } from '#core/http/operation'
import { subjectKey } from '#core/keyring/keyring'
import { CommitConflict, emptyCommit } from '#core/storage/commit'
import { createCredential } from './create-credential.ts'
import { createPrincipal } from './create-principal.ts'
import { disablePrincipal } from './disable-principal.ts'
import { enablePrincipal } from './enable-principal.ts'
import { erasePrincipal } from './erase-principal.ts'
import { expectsOfLeaving, requirePrincipal } from './find.ts'
import { act, edit, fault, openHouse, read, write, type House } from './fixtures.ts'
import { getPrincipal } from './get-principal.ts'
import { getSelf } from './get-self.ts'
import { listPrincipals } from './list-principals.ts'
import { listRoles } from './list-roles.ts'
import { revokePrincipal } from './revoke-principal.ts'
import { updatePrincipal } from './update-principal.ts'

const lacks = fault('principals/lacks-authority')

/** What may be done to a principal of that role, each as a thing to try. */
const takings = (house: House, as: Awaited<ReturnType<House['as']>>, principalId: string): readonly (() => Promise<unknown>)[] => [
  () => write(house, house.services, disablePrincipal, as, { params: { principalId } }),
  () => write(house, house.services, revokePrincipal, as, { params: { principalId } }),
  () => write(house, house.services, erasePrincipal, as, { params: { principalId } }),
  () => write(house, house.services, updatePrincipal, as, { params: { principalId }, body: { name: 'other' } }),
  () => write(house, house.services, updatePrincipal, as, { params: { principalId }, body: { role: 'auditor' } }),
  () => write(house, house.services, createCredential, as, { params: { principalId }, body: { name: 'mine now' } }),
]

test('P1: an admin gives, changes and takes only what an admin holds', async () => {
  const house = await openHouse()
  const admin = await house.hire('admin')
  const { principalId: ownerId } = (await house.as(house.ownerSecret)).caller
  const second = await house.hire('owner')
  const as = await house.as(admin.secret)
  const held = house.services.access.permissionsOf('admin')
  for (const role of roles) {
    const creates = write(house, house.services, createPrincipal, as, { body: { name: `made ${role}`, role } })
    if (house.services.access.permissionsOf(role).isSubsetOf(held)) await creates
    else await assert.rejects(creates, lacks)
  }
  for (const principalId of [ownerId, second.principalId]) for (const attempt of takings(house, as, principalId)) await assert.rejects(attempt(), lacks)
  // Nor does an admin become an owner, or make one of somebody.
  const operator = await house.hire('operator')
  for (const principalId of [admin.principalId, operator.principalId]) {
    await assert.rejects(write(house, house.services, updatePrincipal, as, { params: { principalId }, body: { role: 'owner' } }), lacks)
  }
  for (const attempt of takings(house, as, operator.principalId).slice(3)) await attempt()
  await house.close()
})

test('P1: a narrow credential of an owner gives and takes no more than itself', async () => {
  const house = await openHouse()
  const owner = await house.hire('owner', ['principals:create', 'principals:create-credential', 'principals:revoke', 'keys:verify', 'keys:revoke', 'self:read', 'roles:read'])
  const developer = await house.hire('developer')
  const as = await house.as(owner.secret)
  for (const role of roles) await assert.rejects(write(house, house.services, createPrincipal, as, { body: { name: role, role } }), lacks)
  const params = { principalId: developer.principalId }
  await assert.rejects(write(house, house.services, createCredential, as, { params, body: { name: 'wide' } }), lacks)
  await assert.rejects(write(house, house.services, createCredential, as, { params, body: { name: 'wide', permissions: ['keys:read'] } }), lacks)
  // Nor a narrow one: whoever has its secret acts in the developer's name.
  await assert.rejects(write(house, house.services, createCredential, as, { params, body: { name: 'narrow', permissions: ['keys:verify'] } }), lacks)
  await assert.rejects(write(house, house.services, revokePrincipal, as, { params }), lacks)
  // The same holds for credentials, which the room below takes.
  const body = { reason: 'key-compromise' }
  await assert.rejects(act(house, 'keys.revoke', as, { params: { keyId: developer.keyId }, body }), fault('keys/lacks-authority'))
  await house.close()
})

test('P1: nobody gets a secret that acts in the name of somebody with more authority, however little it grants', async () => {
  const house = await openHouse()
  const { caller: owner } = await house.as(house.ownerSecret)
  const admin = await house.hire('admin')
  const as = await house.as(admin.secret)
  for (const permissions of [[...as.caller.permissions], ['self:read']]) {
    await assert.rejects(write(house, house.services, createCredential, as, { params: { principalId: owner.principalId }, body: { name: 'as the owner', permissions } }), lacks)
  }
  for (const role of roles.slice(1)) {
    const { principalId } = await house.hire(role)
    await write(house, house.services, createCredential, as, { params: { principalId }, body: { name: 'narrow', permissions: ['self:read'] } })
  }
  await house.close()
})

test('P1: no permission that its issuer lacks lies in a credential and waits for a promotion', async () => {
  const house = await openHouse()
  const admin = await house.hire('admin')
  const { principalId } = await house.hire('developer')
  const body = { name: 'latent', permissions: ['self:read', 'workspaces:create'] }
  await assert.rejects(write(house, house.services, createCredential, await house.as(admin.secret), { params: { principalId }, body }), lacks)
  // Whoever holds it may.
  const { permissions } = await write(house, house.services, createCredential, await house.as(house.ownerSecret), { params: { principalId }, body })
  assert.deepEqual(permissions, body.permissions)
  await house.close()
})

test('P1: nobody revokes a credential that grants more than they hold', async () => {
  const house = await openHouse()
  const hired = new Map<Role, Awaited<ReturnType<House['hire']>>>()
  for (const role of roles) hired.set(role, await house.hire(role))
  const { access } = house.services
  for (const role of roles) {
    const as = await house.as(hired.get(role)!.secret)
    if (!as.caller.permissions.has('keys:revoke')) continue
    for (const target of roles) {
      if (target === role) continue
      const { keyId } = await house.hire(target)
      const revokes = act(house, 'keys.revoke', as, { params: { keyId }, body: { reason: 'superseded' } })
      if (access.permissionsOf(target).isSubsetOf(access.permissionsOf(role))) await revokes
      else await assert.rejects(revokes, fault('keys/lacks-authority'), `${role} revokes a credential of ${target}`)
    }
  }
  await house.close()
})

test('P3: the last active owner is not disabled, revoked, erased or given another role', async () => {
  const house = await openHouse()
  const as = await house.as(house.ownerSecret)
  const { principalId } = as.caller
  const leaving = takings(house, as, principalId).filter((_, at) => at !== 3 && at !== 5)
  for (const attempt of leaving) await assert.rejects(attempt(), fault('principals/last-owner'))
  const second = await house.hire('owner')
  await write(house, house.services, disablePrincipal, as, { params: { principalId: second.principalId } })
  for (const attempt of leaving) await assert.rejects(attempt(), fault('principals/last-owner'))
  await write(house, house.services, enablePrincipal, as, { params: { principalId: second.principalId } })
  await write(house, house.services, updatePrincipal, as, { params: { principalId }, body: { role: 'auditor' } })
  assert.equal((await house.as(house.ownerSecret)).caller.permissions.has('principals:create'), false)
  await house.close()
})

test('P3: owners who remove each other at the same moment do not both succeed', async () => {
  for (const operation of [disablePrincipal, revokePrincipal, erasePrincipal]) {
    const house = await openHouse()
    const second = await house.hire('owner')
    const [first, other] = [await house.as(house.ownerSecret), await house.as(second.secret)]
    const outcomes = await Promise.allSettled([
      write(house, house.services, operation, first, { params: { principalId: second.principalId } }),
      write(house, house.services, operation, other, { params: { principalId: first.caller.principalId } }),
    ])
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected'], operation.id)
    await house.close()
  }
})

test('P3: an owner who has no way in does not count as another owner', async () => {
  const house = await openHouse()
  const as = await house.as(house.ownerSecret)
  const { principalId } = as.caller
  const leaving = takings(house, as, principalId).filter((_, at) => at !== 3 && at !== 5)
  const nobodyLeaves = async () => {
    for (const attempt of leaving) await assert.rejects(attempt(), fault('principals/last-owner'))
  }
  const params = { principalId: (await write(house, house.services, createPrincipal, as, { body: { name: 'Second', role: 'owner' } })).principalId }
  await nobodyLeaves()
  await write(house, house.services, createCredential, as, { params, body: { name: 'narrow', permissions: ['principals:create', 'principals:create-credential'] } })
  await nobodyLeaves()
  const expiresAt = new Date(house.clock.now() + 3_600_000).toISOString()
  await write(house, house.services, createCredential, as, { params, body: { name: 'for an hour', expiresAt } })
  house.pass(3_600_000)
  await nobodyLeaves()
  const { keyId } = await write(house, house.services, createCredential, as, { params, body: { name: 'disabled' } })
  await act(house, 'keys.disable', as, { params: { keyId } })
  await nobodyLeaves()
  await act(house, 'keys.enable', as, { params: { keyId } })
  await write(house, house.services, revokePrincipal, as, { params: { principalId } })
  await house.close()
})

test('P3: the way in that another owner has is still there when an owner leaves', async () => {
  const house = await openHouse()
  const second = await house.hire('owner')
  const as = await house.as(house.ownerSecret)
  const leaving = await requirePrincipal(house.services, as.caller.workspaceId, as.caller.principalId)
  const expects = await expectsOfLeaving(house.services, leaving, house.clock.now())
  await house.storage.commit({ ...emptyCommit, expects })
  await act(house, 'keys.disable', as, { params: { keyId: second.keyId } })
  await assert.rejects(house.storage.commit({ ...emptyCommit, expects }), CommitConflict)
  await house.close()
})

/** The same storage, in which something happens between the first read and the next. */
function withChangeBetweenReads(house: House, change: () => Promise<unknown>): House['services'] {
  let pending: (() => Promise<unknown>) | null = change
  const reader = house.storage.reader<unknown>().withPlugin({
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      const due = pending
      pending = null
      await due?.()
      return result
    },
  })
  return { ...house.services, storage: { ...house.storage, reader: <Tables>() => reader as Kysely<Tables> } }
}

test('P3: an owner who was found and then becomes something else is no other owner', async () => {
  const house = await openHouse()
  const second = await house.hire('owner')
  const as = await house.as(house.ownerSecret)
  const params = { principalId: second.principalId }
  const leaving = await requirePrincipal(house.services, as.caller.workspaceId, as.caller.principalId)
  const changes = [
    () => write(house, house.services, updatePrincipal, as, { params, body: { role: 'auditor' } }),
    () => act(house, 'keys.disable', as, { params: { keyId: second.keyId } }),
  ]
  for (const change of changes) {
    await assert.rejects(expectsOfLeaving(withChangeBetweenReads(house, change), leaving, house.clock.now()), fault('principals/last-owner'))
    await write(house, house.services, updatePrincipal, as, { params, body: { role: 'owner' } })
  }
  await house.close()
})

test('P3: an owner or a credential that was written by somebody else is no way in', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'claviger-principals-'))
  const path = join(directory, 'test.db')
  const first = await openHouse({ path })
  const as = await first.as(first.ownerSecret)
  const { keyId } = await first.hire('owner')
  await act(first, 'keys.disable', as, { params: { keyId } })
  const { principalId } = await first.hire('admin')
  await first.close()
  edit(path, `UPDATE keys SET status = 'active' WHERE id = ?`, keyId)
  edit(path, `UPDATE principals SET role = 'owner' WHERE id = ?`, principalId)
  const house = await openHouse({ path, seed: 'again' }, first)
  const leaves = write(house, house.services, revokePrincipal, await house.as(house.ownerSecret), { params: { principalId: as.caller.principalId } })
  await assert.rejects(leaves, fault('principals/last-owner'))
  await house.close()
  rmSync(directory, { recursive: true })
})

test('names are unique in a workspace, and a principal without a credential can do nothing', async () => {
  const house = await openHouse()
  const as = await house.as(house.ownerSecret)
  const made = await write(house, house.services, createPrincipal, as, { body: { name: 'CI', role: 'developer' } })
  assert.equal(made.kind, 'service-account')
  await assert.rejects(write(house, house.services, createPrincipal, as, { body: { name: 'CI', role: 'auditor' } }), fault('principals/name-taken'))
  const { items } = await read(house, house.services, listPrincipals, as, { query: { role: 'developer' } })
  assert.deepEqual(items, [made])
  await assert.rejects(
    write(house, house.services, updatePrincipal, { ...as, ifMatch: 7 }, { params: { principalId: made.principalId }, body: { name: 'x' } }), fault('http/precondition-failed'),
  )
  await house.close()
})

test('erasing a principal revokes it, forgets its name, destroys the key of its details, and leaves its name to others', async () => {
  const house = await openHouse()
  const as = await house.as(house.ownerSecret)
  const { principalId, secret } = await house.hire('operator')
  const params = { principalId }
  const { name } = await read(house, house.services, getPrincipal, as, { params })
  assert.equal(await house.keyring.has(subjectKey(house.workspaceId, principalId)), true)
  const erased = await write(house, house.services, erasePrincipal, as, { params })
  assert.deepEqual([erased.name, erased.status, erased.erasedAt === null], [null, 'revoked', false])
  assert.equal(await house.keyring.has(subjectKey(house.workspaceId, principalId)), false)
  await assert.rejects(house.as(secret), fault('http/unauthenticated'))
  await write(house, house.services, createPrincipal, as, { body: { name: name as string, role: 'auditor' } })
  house.pass(1_000)
  await assert.rejects(write(house, house.services, erasePrincipal, as, { params }), fault('principals/already-revoked'))
  assert.equal((await read(house, house.services, getPrincipal, as, { params })).erasedAt, erased.erasedAt)
  await house.close()
})

test('nothing on record names a principal in plain text', async () => {
  const house = await openHouse()
  const as = await house.as(house.ownerSecret)
  const { principalId } = await write(house, house.services, createPrincipal, as, { body: { name: 'Ada Lovelace', role: 'developer' } })
  await write(house, house.services, createCredential, as, { params: { principalId }, body: { name: 'Adas laptop', ipRanges: ['203.0.113.7'] } })
  await write(house, house.services, updatePrincipal, as, { params: { principalId }, body: { name: 'Ada King' } })
  const rows = await house.storage.reader<{ entries: { leaf: Uint8Array; details: Uint8Array } }>().selectFrom('entries').select(['leaf', 'details']).execute()
  const text = rows.map(({ leaf, details }) => Buffer.from(leaf).toString('utf8') + Buffer.from(details).toString('utf8')).join('')
  for (const personal of ['Ada Lovelace', 'Ada King', 'Adas laptop', '203.0.113.7', '192.0.2.1']) assert.ok(!text.includes(personal), personal)
  assert.equal(text.split(`"subject":"${principalId}","sealed"`).length - 1, 3)
  await house.close()
})

test('a revoked principal gets no credentials and is not changed; an unknown permission is named', async () => {
  const house = await openHouse()
  const as = await house.as(house.ownerSecret)
  const { principalId } = await house.hire('developer')
  const params = { principalId }
  await assert.rejects(
    write(house, house.services, createCredential, as, { params, body: { name: 'x', permissions: ['keys:verify', 'keys:fly'] } }), fault('principals/unknown-permission'),
  )
  await write(house, house.services, revokePrincipal, as, { params })
  await assert.rejects(write(house, house.services, createCredential, as, { params, body: { name: 'x' } }), fault('principals/not-active'))
  await assert.rejects(write(house, house.services, updatePrincipal, as, { params, body: { role: 'auditor' } }), fault('principals/already-revoked'))
  await assert.rejects(write(house, house.services, enablePrincipal, as, { params }), fault('principals/not-disabled'))
  await assert.rejects(write(house, house.services, revokePrincipal, as, { params }), fault('principals/already-revoked'))
  await house.close()
})

test('everybody sees who they are and what each role permits', async () => {
  const house = await openHouse()
  const { secret, principalId, keyId } = await house.hire('auditor')
  const as = await house.as(secret)
  const self = await read(house, house.services, getSelf, as, {})
  assert.deepEqual([self.principal.principalId, self.credentialId, self.workspaceId], [principalId, keyId, house.workspaceId])
  assert.deepEqual(self.permissions, [...house.services.access.permissionsOf('auditor')].sort())
  const { items } = await read(house, house.services, listRoles, as, {})
  assert.deepEqual(items.map(({ role }) => role), [...roles])
  await house.close()
})

test('the key of an erased principal\'s details is in no file any more', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'claviger-erased-'))
  const house = await openHouse({ path: join(directory, 'test.db') })
  const { principalId } = await house.hire('developer')
  const row = await house.storage.reader<{ keyring: { id: string; key_id: string; wrapped: Uint8Array } }>().selectFrom('keyring').selectAll()
    .where('key_id', '=', principalId).executeTakeFirstOrThrow()
  const filesWithKey = () => readdirSync(directory).filter((file) => readFileSync(join(directory, file)).includes(Buffer.from(row.wrapped)))
  assert.notDeepEqual(filesWithKey(), [])
  await write(house, house.services, erasePrincipal, await house.as(house.ownerSecret), { params: { principalId } })
  assert.deepEqual(filesWithKey(), [])
  await house.close()
  rmSync(directory, { recursive: true })
})
