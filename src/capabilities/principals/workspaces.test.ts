import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCredential } from './create-credential.ts'
import { createWorkspace } from './create-workspace.ts'
import { firstStart } from './first-start.ts'
import { fault, openHouse, read, write, type House } from './fixtures.ts'
import { getPrincipal } from './get-principal.ts'
import { getWorkspace } from './get-workspace.ts'
import { listPrincipals } from './list-principals.ts'
import { listWorkspaces } from './list-workspaces.ts'
import { readMetrics } from './read-metrics.ts'
import { disablePrincipal } from './disable-principal.ts'
import { erasePrincipal } from './erase-principal.ts'
import { revokePrincipal } from './revoke-principal.ts'
import { revokeWorkspace } from './revoke-workspace.ts'
import { updatePrincipal } from './update-principal.ts'

const found = async (house: House, name = 'Tenant') =>
  write(house, house.services, createWorkspace, await house.as(house.ownerSecret), { body: { name, ownerName: 'Owner of it' } })

test('a new workspace has an owner whose credential works there and nowhere else', async () => {
  const house = await openHouse()
  const tenant = await found(house)
  const as = await house.as(tenant.secret)
  assert.deepEqual([as.caller.workspaceId, as.caller.principalId], [tenant.workspaceId, tenant.ownerId])
  assert.deepEqual((await read(house, house.services, listPrincipals, as, {})).items.map(({ principalId }) => principalId), [tenant.ownerId])
  await house.close()
})

test('P4: the metrics of the instance are for the first workspace alone, whatever the role elsewhere', async () => {
  const house = await openHouse()
  const tenant = await found(house)
  assert.equal(typeof (await read(house, house.services, readMetrics, await house.as(house.ownerSecret), {})), 'string')
  await assert.rejects(async () => read(house, house.services, readMetrics, await house.as(tenant.secret), {}), fault('principals/not-first-workspace'))
  await house.close()
})

test('lists of principals and workspaces begin with the newest and page without a gap', async () => {
  const house = await openHouse()
  const as = await house.as(house.ownerSecret)
  const principals = [as.caller.principalId as string]
  const workspaces = [house.workspaceId]
  for (const pauseMs of [1, 5, 60_000]) {
    house.pass(pauseMs)
    principals.unshift((await house.hire('developer')).principalId)
    workspaces.unshift((await found(house, `Tenant ${pauseMs}`)).workspaceId)
  }
  const seen: { readonly principals: string[]; readonly workspaces: string[] } = { principals: [], workspaces: [] }
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Awaited<ReturnType<typeof listPrincipals.handle>> = await read(house, house.services, listPrincipals, as, { query: { limit: 2, ...(cursor === '' ? {} : { cursor }) } })
    seen.principals.push(...page.items.map(({ principalId }) => principalId))
    cursor = page.nextCursor
  }
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Awaited<ReturnType<typeof listWorkspaces.handle>> = await read(house, house.services, listWorkspaces, as, { query: { limit: 1, ...(cursor === '' ? {} : { cursor }) } })
    seen.workspaces.push(...page.items.map(({ workspaceId }) => workspaceId))
    cursor = page.nextCursor
  }
  assert.deepEqual(seen, { principals, workspaces })
  await house.close()
})

test('P4: only the first workspace founds, lists and revokes others', async () => {
  const house = await openHouse()
  const tenant = await found(house)
  const other = await found(house, 'Another')
  const as = await house.as(tenant.secret)
  await assert.rejects(write(house, house.services, createWorkspace, as, { body: { name: 'x', ownerName: 'y' } }), fault('principals/not-first-workspace'))
  const body = { reason: 'unspecified' } as const
  for (const workspaceId of [other.workspaceId, tenant.workspaceId, house.workspaceId]) {
    await assert.rejects(write(house, house.services, revokeWorkspace, as, { params: { workspaceId }, body }), fault('principals/not-first-workspace'))
  }
  assert.deepEqual((await read(house, house.services, listWorkspaces, as, {})).items.map(({ workspaceId }) => workspaceId), [tenant.workspaceId])
  await assert.rejects(read(house, house.services, getWorkspace, as, { params: { workspaceId: other.workspaceId } }), fault('principals/workspace-not-found'))
  assert.equal((await read(house, house.services, listWorkspaces, await house.as(house.ownerSecret), {})).items.length, 3)
  await house.close()
})

test('P4: no principal is seen, changed or given credentials from another workspace, not even from the first', async () => {
  const house = await openHouse()
  const tenant = await found(house)
  const { principalId: ownerId } = (await house.as(house.ownerSecret)).caller
  for (const [secret, principalId] of [[tenant.secret, ownerId], [house.ownerSecret, tenant.ownerId]] as const) {
    const as = await house.as(secret)
    const params = { principalId }
    const missing = fault('principals/not-found')
    await assert.rejects(read(house, house.services, getPrincipal, as, { params }), missing)
    for (const operation of [disablePrincipal, revokePrincipal, erasePrincipal]) await assert.rejects(write(house, house.services, operation, as, { params }), missing)
    await assert.rejects(write(house, house.services, updatePrincipal, as, { params, body: { role: 'auditor' } }), missing)
    await assert.rejects(write(house, house.services, createCredential, as, { params, body: { name: 'x' } }), missing)
  }
  await house.close()
})

test('a revoked workspace\'s credentials are refused from the next request on; the first one cannot be revoked', async () => {
  const house = await openHouse()
  const tenant = await found(house)
  await house.as(tenant.secret)
  const as = await house.as(house.ownerSecret)
  const body = { reason: 'cessation-of-operation' } as const
  await write(house, house.services, revokeWorkspace, as, { params: { workspaceId: tenant.workspaceId }, body })
  await assert.rejects(house.as(tenant.secret), fault('http/unauthenticated'))
  await assert.rejects(write(house, house.services, revokeWorkspace, as, { params: { workspaceId: tenant.workspaceId }, body }), fault('principals/already-revoked'))
  await assert.rejects(write(house, house.services, revokeWorkspace, as, { params: { workspaceId: house.workspaceId }, body }), fault('principals/last-owner'))
  await house.close()
})

test('a database is founded once', async () => {
  const house = await openHouse()
  const delivered: string[] = []
  assert.equal(await firstStart(house, { deliver: (secret) => void delivered.push(secret), exampleApi: true }), null)
  assert.deepEqual(delivered, [])
  await house.close()
})
