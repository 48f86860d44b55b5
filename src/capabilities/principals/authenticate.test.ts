import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Fault } from '#core/base/fault'
import type { AnyOperation, ReadOperation, WriteOperation } from '#core/http/operation'
import { CommitConflict } from '#core/storage/commit'
import { createUseCutter, createUseRecorder, operations as keyOperations, type KeysDatabase } from '#cap/keys'
import type { CallOptions } from '../../../tests/support/foundations.ts'
import { createAuthenticate } from './authenticate.ts'
import { createCredential } from './create-credential.ts'
import { createPrincipal } from './create-principal.ts'
import { createWorkspace } from './create-workspace.ts'
import { disablePrincipal } from './disable-principal.ts'
import { enablePrincipal } from './enable-principal.ts'
import { erasePrincipal } from './erase-principal.ts'
import { act, edit, fault, openHouse, read, write, type Hired, type House } from './fixtures.ts'
import { getPrincipal } from './get-principal.ts'
import { revokePrincipal } from './revoke-principal.ts'
import { revokeWorkspace } from './revoke-workspace.ts'
import { updatePrincipal } from './update-principal.ts'

const refused = fault('http/unauthenticated')

const list = (house: House, id: string, as: CallOptions, given: object): Promise<unknown> =>
  read(house, house.keys as never, (keyOperations as readonly AnyOperation[]).find((one) => one.id === id) as ReadOperation<never>, as, given as never)

const keyAct = (house: House, id: 'keys.enable' | 'keys.disable', as: CallOptions, keyId: string): Promise<unknown> =>
  write(house, house.keys as never, (keyOperations as readonly AnyOperation[]).find((one) => one.id === id) as WriteOperation<never>, as, { params: { keyId } } as never)

/** The codes of all uses on record, with the keys they are of. */
async function usesOf(house: House): Promise<(string | number)[][]> {
  await house.uses.flush()
  const batches = await house.storage.reader<KeysDatabase>().selectFrom('use_batches').selectAll().orderBy('id').execute()
  const lines = batches.flatMap(({ uses }) => Buffer.from(uses).toString('latin1').trimEnd().split('\n'))
  return lines.map((line) => line.split('\t')).map((fields) => [fields[2] as string, fields[5] as string, fields[8] as string, Number(fields[9])])
}

test('the first owner\'s credential stands for the owner, who may do everything', async () => {
  const house = await openHouse()
  const { caller } = await house.as(house.ownerSecret)
  assert.deepEqual(caller.permissions, house.services.access.permissions)
  assert.equal(caller.workspaceId, house.workspaceId)
  await house.close()
})

test('no credential, garbage, and another\'s secret are refused alike', async () => {
  const house = await openHouse()
  await assert.rejects(house.as(''), refused)
  await assert.rejects(house.as('garbage'), refused)
  await assert.rejects(house.as(`${house.ownerSecret.slice(0, -1)}0`), refused)
  await house.close()
})

test('P2: a caller may do what role and credential both grant', async () => {
  const house = await openHouse()
  const narrow = await house.hire('developer', ['keys:verify', 'keys:read'])
  assert.deepEqual((await house.as(narrow.secret)).caller.permissions, new Set(['keys:verify', 'keys:read']))
  // A credential that grants more than its role, because the role was narrowed since, grants what is left.
  const as = await house.as(house.ownerSecret)
  await write(house, house.services, updatePrincipal, as, { params: { principalId: narrow.principalId }, body: { role: 'auditor' } })
  assert.deepEqual((await house.as(narrow.secret)).caller.permissions, new Set(['keys:read']))
  const wide = await house.hire('operator')
  assert.deepEqual((await house.as(wide.secret)).caller.permissions, house.services.access.permissionsOf('operator'))
  await house.close()
})

test('a role that changes counts from the next request on, remembered callers or not', async () => {
  const house = await openHouse()
  const { principalId, secret } = await house.hire('admin')
  for (const role of ['operator', 'auditor', 'admin'] as const) {
    await house.as(secret)
    await write(house, house.services, updatePrincipal, await house.as(house.ownerSecret), { params: { principalId }, body: { role } })
    assert.deepEqual((await house.as(secret)).caller.permissions, house.services.access.permissionsOf(role))
  }
  await house.close()
})

test('P5: a disabled principal\'s credentials are refused from the next request on, and count again when it is enabled; a revoked one\'s never', async () => {
  const house = await openHouse()
  const { principalId, secret, keyId } = await house.hire('operator')
  const params = { principalId }
  const as = await house.as(house.ownerSecret)
  await house.as(secret)
  await write(house, house.services, disablePrincipal, as, { params })
  await assert.rejects(house.as(secret), refused)
  await write(house, house.services, enablePrincipal, as, { params })
  await house.as(secret)
  await write(house, house.services, revokePrincipal, as, { params })
  await assert.rejects(house.as(secret), refused)
  // Whoever still tries proved to hold the credential: that is evidence.
  const uses = (await usesOf(house)).filter(([id]) => id === keyId)
  assert.deepEqual(uses, [[keyId, 'valid', principalId, 2], [keyId, 'disabled', principalId, 1], [keyId, 'revoked', principalId, 1]])
  await house.close()
})

/** Whatever ends a caller's authority, or narrows it, or only touches its rows. */
const endings: Readonly<Record<string, (house: House, hired: Hired) => Promise<unknown>>> = {
  'its credential is revoked': async (house, { keyId }) => act(house, 'keys.revoke', await house.as(house.ownerSecret), { params: { keyId }, body: { reason: 'key-compromise' } }),
  'its credential is disabled': async (house, { keyId }) => act(house, 'keys.disable', await house.as(house.ownerSecret), { params: { keyId } }),
  'it is revoked': async (house, { principalId }) => write(house, house.services, revokePrincipal, await house.as(house.ownerSecret), { params: { principalId } }),
  'it is disabled': async (house, { principalId }) => write(house, house.services, disablePrincipal, await house.as(house.ownerSecret), { params: { principalId } }),
  'its role is lowered': async (house, { principalId }) =>
    write(house, house.services, updatePrincipal, await house.as(house.ownerSecret), { params: { principalId }, body: { role: 'auditor' } }),
}

for (const [ending, end] of Object.entries(endings)) {
  test(`P6: what a caller decided is not committed when ${ending} meanwhile`, async () => {
    const house = await openHouse()
    const hired = await house.hire('admin')
    const stale = await house.as(hired.secret)
    await end(house, hired)
    const creates = write(house, house.services, createPrincipal, stale, { body: { name: 'backdoor', role: 'admin' } })
    await assert.rejects(creates, (error: unknown) => error instanceof CommitConflict && error.kind === 'version')
    // The name is free: nothing was written.
    await write(house, house.services, createPrincipal, await house.as(house.ownerSecret), { body: { name: 'backdoor', role: 'admin' } })
    await house.close()
  })
}

test('P6: what a caller decided is not committed when its workspace is revoked meanwhile', async () => {
  const house = await openHouse()
  const as = await house.as(house.ownerSecret)
  const tenant = await write(house, house.services, createWorkspace, as, { body: { name: 'Tenant', ownerName: 'Its owner' } })
  const stale = await house.as(tenant.secret)
  await write(house, house.services, revokeWorkspace, as, { params: { workspaceId: tenant.workspaceId }, body: { reason: 'key-compromise' } })
  const creates = write(house, house.services, createPrincipal, stale, { body: { name: 'backdoor', role: 'admin' } })
  await assert.rejects(creates, (error: unknown) => error instanceof CommitConflict && error.kind === 'version')
  await assert.rejects(house.as(tenant.secret), refused)
  await house.close()
})

test('P6: a caller is known by its rows of now, whatever happened to them since it was known before', async () => {
  const house = await openHouse()
  const hired = await house.hire('admin')
  const as = await house.as(house.ownerSecret)
  let made = 0
  const works = async () => write(house, house.services, createPrincipal, await house.as(hired.secret), { body: { name: `made ${++made}`, role: 'auditor' } })
  await house.as(hired.secret)
  await act(house, 'keys.disable', as, { params: { keyId: hired.keyId } })
  await act(house, 'keys.enable', as, { params: { keyId: hired.keyId } })
  await works()
  await house.as(hired.secret)
  await write(house, house.services, updatePrincipal, as, { params: { principalId: hired.principalId }, body: { name: 'renamed' } })
  await works()
  await house.close()
})

test('P6: whoever changes, disables, revokes or erases itself is not in its own way', async () => {
  for (const [operation, given] of [[updatePrincipal, { body: { role: 'auditor' } }], [disablePrincipal, {}], [revokePrincipal, {}], [erasePrincipal, {}]] as const) {
    const house = await openHouse()
    const { secret, principalId } = await house.hire('owner')
    await write(house, house.services, operation as typeof updatePrincipal, await house.as(secret), { params: { principalId }, ...given })
    await house.close()
  }
})

test('a credential that is looked at again for the same request is not used twice', async () => {
  const house = await openHouse()
  const { secret, keyId, principalId } = await house.hire('operator')
  const authenticate = createAuthenticate({ ...house.services, storage: house.storage, verification: house.verification, uses: house.uses, clock: house.clock })
  const client = { requestId: 'req_0000000000000000', clientIp: '192.0.2.1', userAgent: '' }
  const first = await authenticate(secret, client)
  assert.deepEqual(await authenticate(secret, client, true), first)
  await write(house, house.services, disablePrincipal, await house.as(house.ownerSecret), { params: { principalId } })
  await assert.rejects(async () => authenticate(secret, client, true), refused)
  assert.deepEqual((await usesOf(house)).filter(([id]) => id === keyId), [[keyId, 'valid', principalId, 1]])
  await house.close()
})

test('a credential that was revoked, or has expired, is refused from the next request on', async () => {
  const house = await openHouse()
  const { secret, keyId } = await house.hire('operator')
  await house.as(secret)
  await act(house, 'keys.revoke', await house.as(house.ownerSecret), { params: { keyId }, body: { reason: 'key-compromise' } })
  await assert.rejects(house.as(secret), refused)
  house.pass(366 * 86_400_000)
  await assert.rejects(house.as(house.ownerSecret), refused)
  await house.close()
})

test('a customer\'s key is no credential, whatever its permissions are called', async () => {
  const house = await openHouse()
  const as = await house.as(house.ownerSecret)
  const permissions = [{ name: 'keys:create', access: 'write' }]
  const api = await act(house, 'apis.create', as, { body: { slug: 'node', name: 'Node', prefix: 'node', permissions } })
  const environment = await act(house, 'environments.create', as, { params: { apiId: api['apiId'] }, body: { kind: 'production' } })
  const key = await act(house, 'keys.create', as, { body: { environmentId: environment['environmentId'], name: 'bot', permissions: ['keys:create'] } })
  const refusedPlainly = (error: unknown) => refused(error) && (error as Fault).detail === 'The credential is not valid.'
  await assert.rejects(house.as(String(key['secret'])), refusedPlainly)
  await act(house, 'keys.revoke', as, { params: { keyId: key['keyId'] }, body: { reason: 'superseded' } })
  await assert.rejects(house.as(String(key['secret'])), refusedPlainly)
  assert.ok((await usesOf(house)).every(([keyId]) => keyId !== key['keyId']))
  await house.close()
})

test('a credential with an address list counts from those addresses only', async () => {
  const house = await openHouse()
  const { principalId } = await house.hire('operator')
  const body = { name: 'office', ipRanges: ['203.0.113.0/24'] }
  const { secret } = await write(house, house.services, createCredential, await house.as(house.ownerSecret), { params: { principalId }, body })
  await house.as(secret, '203.0.113.7')
  await assert.rejects(house.as(secret, '198.51.100.7'), refused)
  await house.close()
})

test('P8: a credential that is bound to addresses issues none that is not', async () => {
  const house = await openHouse()
  const { principalId } = await house.hire('admin')
  const issue = (as: CallOptions, ipRanges?: string[]) =>
    write(house, house.services, createCredential, as, { params: { principalId }, body: { name: 'office', ...(ipRanges === undefined ? {} : { ipRanges }) } })
  const { secret } = await issue(await house.as(house.ownerSecret), ['203.0.113.0/24'])
  const bound = await house.as(secret, '203.0.113.7')
  for (const ranges of [undefined, [], ['0.0.0.0/0'], ['203.0.113.7', '198.51.100.7']]) await assert.rejects(issue(bound, ranges), fault('principals/lacks-authority'))
  const successor = await issue(bound, ['203.0.113.7/32'])
  await house.as(successor.secret, '203.0.113.7')
  await assert.rejects(house.as(successor.secret, '203.0.113.8'), refused)
  await house.close()
})

test('P8: a credential that is bound to addresses gives no authority to one that is not, and gives none back', async () => {
  const house = await openHouse()
  const owner = await house.as(house.ownerSecret)
  const issue = (principalId: string, ipRanges: string[]) =>
    write(house, house.services, createCredential, owner, { params: { principalId }, body: { name: 'office', ipRanges } })
  const { secret } = await issue((await house.hire('owner')).principalId, ['203.0.113.0/24'])
  const bound = await house.as(secret, '203.0.113.7')
  const lax = await house.hire('developer')
  const promote = (as: CallOptions, principalId: string) => write(house, house.services, updatePrincipal, as, { params: { principalId }, body: { role: 'owner' } })
  const enable = (as: CallOptions) => write(house, house.services, enablePrincipal, as, { params: { principalId: lax.principalId } })
  const enableKey = (as: CallOptions, keyId: string) => keyAct(house, 'keys.enable', as, keyId)
  await assert.rejects(promote(bound, lax.principalId), fault('principals/lacks-authority'))
  await write(house, house.services, disablePrincipal, bound, { params: { principalId: lax.principalId } })
  await assert.rejects(enable(bound), fault('principals/lacks-authority'))
  await enable(owner)
  await keyAct(house, 'keys.disable', bound, lax.keyId)
  await assert.rejects(enableKey(bound, lax.keyId), fault('keys/lacks-authority'))
  await enableKey(owner, lax.keyId)
  // Less authority, and none for elsewhere, it may give.
  await write(house, house.services, updatePrincipal, bound, { params: { principalId: lax.principalId }, body: { name: 'renamed' } })
  const { principalId } = await write(house, house.services, createPrincipal, owner, { body: { name: 'near', role: 'developer' } })
  const near = await issue(principalId, ['203.0.113.9/32'])
  await keyAct(house, 'keys.disable', bound, near.keyId)
  await enableKey(bound, near.keyId)
  await promote(bound, principalId)
  await house.close()
})

test('P8: a credential whose addresses were altered counts from anywhere, and is no error of the server', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'claviger-principals-'))
  const path = join(directory, 'test.db')
  const house = await openHouse({ path })
  const owner = await house.as(house.ownerSecret)
  const { secret } = await write(house, house.services, createCredential, owner, { params: { principalId: (await house.hire('owner')).principalId }, body: { name: 'office', ipRanges: ['203.0.113.0/24'] } })
  const bound = await house.as(secret, '203.0.113.7')
  const { principalId, keyId } = await house.hire('developer')
  const promote = () => write(house, house.services, updatePrincipal, bound, { params: { principalId }, body: { role: 'owner' } })
  for (const text of ['no JSON', 'null', '[1]', '{}']) {
    edit(path, 'UPDATE keys SET ip_ranges = ? WHERE id = ?', text, keyId)
    await assert.rejects(promote(), fault('principals/lacks-authority'), text)
  }
  await house.close()
  rmSync(directory, { recursive: true })
})

test('P8: a principal that gets a credential for elsewhere while a bound one decides to give it more authority is given none', async () => {
  const house = await openHouse()
  const owner = await house.as(house.ownerSecret)
  const issue = (principalId: string, ipRanges: string[]) =>
    write(house, house.services, createCredential, owner, { params: { principalId }, body: { name: 'office', ipRanges } })
  const { secret } = await issue((await house.hire('owner')).principalId, ['203.0.113.0/24'])
  const { principalId } = await write(house, house.services, createPrincipal, owner, { body: { name: 'near', role: 'developer' } })
  const promote: typeof updatePrincipal = {
    ...updatePrincipal,
    async decide(...given) {
      const decision = await updatePrincipal.decide(...given)
      await issue(principalId, [])
      return decision
    },
  }
  const promoted = write(house, house.services, promote, await house.as(secret, '203.0.113.7'), { params: { principalId }, body: { role: 'owner' } })
  await assert.rejects(promoted, fault('principals/lacks-authority'))
  await house.close()
})

test('a full use recorder stops no caller, so that what takes away goes on', async () => {
  const house = await openHouse()
  const disk = { ...house.storage, commit: () => new Promise<never>(() => {}) }
  const uses = createUseRecorder({ storage: disk, clock: house.clock, random: house.random })
  const authenticate = createAuthenticate({ ...house.services, storage: house.storage, verification: house.verification, uses, clock: house.clock })
  const client = { requestId: 'req_0000000000000000', clientIp: '192.0.2.1', userAgent: '' }
  const use = {
    workspaceId: house.workspaceId, environmentId: '', keyId: '', holderId: '', atMs: 0, code: 'malformed', clientIp: '', permissions: 'a'.repeat(4_000), verifierId: '', count: 1,
  } as const
  // To the last character that it keeps.
  for (const permissions of [use.permissions, '']) {
    assert.throws(() => {
      for (;;) uses.relaxed({ ...use, permissions })
    }, fault('keys/use-recording-unavailable'))
  }
  await authenticate(house.ownerSecret, client)
  assert.equal(uses.dropped, 1)
  assert.ok((await authenticate(house.ownerSecret, client)).permissions.has('keys:revoke'))
  await house.close()
})

test('P2: a principal whose row was altered acts no more, and whoever holds everything can still revoke it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'claviger-principals-'))
  const path = join(directory, 'test.db')
  const first = await openHouse({ path })
  const { principalId, secret } = await first.hire('developer')
  const admin = await first.hire('admin')
  await first.close()
  edit(path, `UPDATE principals SET role = 'owner' WHERE id = ?`, principalId)
  const house = await openHouse({ path, seed: 'again' }, first)
  await assert.rejects(house.as(secret), fault('storage/tampered'))
  const params = { principalId }
  await assert.rejects(read(house, house.services, getPrincipal, await house.as(house.ownerSecret), { params }), fault('storage/tampered'))
  // Another workspace hears of it what it hears of one that does not exist.
  const tenant = await write(house, house.services, createWorkspace, await house.as(house.ownerSecret), { body: { name: 'Tenant', ownerName: 'Its owner' } })
  await assert.rejects(read(house, house.services, getPrincipal, await house.as(tenant.secret), { params }), fault('principals/not-found'))
  await assert.rejects(write(house, house.services, revokePrincipal, await house.as(admin.secret), { params }), fault('principals/lacks-authority'))
  assert.equal((await write(house, house.services, revokePrincipal, await house.as(house.ownerSecret), { params })).status, 'revoked')
  await assert.rejects(house.as(secret), refused)
  await house.close()
  rmSync(directory, { recursive: true })
})

test('erasing a principal erases where its credentials were used from, and what they say of it', async () => {
  const house = await openHouse()
  const admin = await house.hire('admin')
  const as = await house.as(house.ownerSecret)
  const body = { name: 'laptop of Ada', ipRanges: ['203.0.113.0/24'] }
  const { secret, keyId } = await write(house, house.services, createCredential, as, { params: { principalId: admin.principalId }, body })
  await house.as(secret, '203.0.113.7')
  await assert.rejects(house.as(secret, '198.51.100.9'), refused)
  const cutter = createUseCutter({ ...house, sections: house.keys.sections })
  const usesOfIt = async () => (await list(house, 'uses.list', as, { params: { keyId } })) as { erased: boolean; items: readonly { clientIp: string; code: string }[] }
  await house.uses.flush()
  await cutter.cutAll()
  assert.deepEqual((await usesOfIt()).items.map(({ clientIp, code }) => `${clientIp} ${code}`).sort(), ['198.51.100.9 ip-not-allowed', '203.0.113.7 valid'])
  await write(house, house.services, erasePrincipal, as, { params: { principalId: admin.principalId } })
  assert.deepEqual(await usesOfIt(), { items: [], erased: true, nextCursor: null })
  // Whoever still tries it leaves no address either.
  await assert.rejects(house.as(secret, '203.0.113.8'), refused)
  await house.uses.flush()
  await cutter.cutAll()
  const blocks = await house.storage.reader<KeysDatabase>().selectFrom('use_blocks').selectAll().execute()
  for (const block of blocks) {
    const sections = await house.keys.sections.open(house.workspaceId, block.id, block.sections)
    assert.ok(sections.every(({ text }) => !text.includes(keyId)))
  }
  const rows = await house.storage.reader<KeysDatabase>().selectFrom('keys').selectAll().where('principal_id', '=', admin.principalId).execute()
  assert.deepEqual(rows.map(({ name, ip_ranges, status }) => [name, ip_ranges, status]), [['', '[]', 'revoked'], ['', '[]', 'revoked']])
  await house.close()
})
