/** What the provider of the API does in Claviger, as its owner. */
import { createClaviger, type Claviger, type Environment, type KeysCreateOutput } from '@claviger/sdk'
import { catalogue } from '../methods.ts'
import type { RunningClaviger } from './processes.ts'
import { expect, screen } from './screen.ts'

export interface Provider {
  readonly claviger: Claviger
  readonly environment: Environment
  /** Of the server in front of the node: it verifies, and can do nothing else. */
  readonly verifierCredential: string
}

export async function setUp({ url, ownerCredential }: RunningClaviger): Promise<Provider> {
  const claviger = createClaviger({ url, credential: ownerCredential })
  screen.step('The provider describes its API, and gives its server a credential that can only verify')
  const api = await claviger.apis.create({ slug: 'rpc-node', name: 'RPC node', prefix: 'rpc', permissions: catalogue })
  const environment = await claviger.environments.create({ apiId: api.apiId, kind: 'production' })
  const server = await claviger.principals.create({ kind: 'service-account', name: 'rpc-node server', role: 'operator' })
  const credential = await claviger.principals.createCredential({ principalId: server.principalId, name: 'verify only', permissions: ['keys:verify'] })
  expect(credential.permissions.join() === 'keys:verify', 'The credential of the server can do more than verify.')
  screen.fact('API', `${api.slug}   ${api.permissions.map(({ name, access }) => `${name} (${access})`).join(', ')}`)
  screen.fact('Environment', `${environment.kind}   uses recorded ${environment.recording}`)
  screen.fact('Server', `${server.name}   may: ${credential.permissions.join(', ')}`)
  return { claviger, environment, verifierCredential: credential.secret }
}

export interface Keys {
  readonly readOnly: KeysCreateOutput
  readonly readWrite: KeysCreateOutput
}

export async function issueKeys({ claviger, environment: { environmentId } }: Provider): Promise<Keys> {
  screen.step('A customer gets two keys')
  const consumer = await claviger.consumers.create({ reference: 'acme', name: 'Acme Trading' })
  const common = { environmentId, consumerId: consumer.consumerId }
  const readOnly = await claviger.keys.create({ ...common, name: 'dashboard', permissions: ['rpc:read'] })
  const readWrite = await claviger.keys.create({ ...common, name: 'trading bot', permissions: ['rpc:read', 'rpc:write'], ipRanges: ['127.0.0.1'] })
  for (const key of [readOnly, readWrite]) screen.fact(key.name, `${hintOf(key.secret)}   ${key.permissions.join(', ')}${key.ipRanges.length === 0 ? '' : `   only from ${key.ipRanges.join(', ')}`}`)
  screen.note('Their secrets were shown this once; Claviger keeps a keyed hash.')
  return { readOnly, readWrite }
}

/** The public part of a key. */
const hintOf = (secret: string): string => `${secret.slice(0, 'rpc_live_'.length + 16)}…`
