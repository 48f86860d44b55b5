import { createClaviger, type Claviger, type KeysCreateInput, type KeysCreateOutput } from '@claviger/sdk'
import { startTestInstance, type TestInstance } from '../../support/instance.ts'

/** A running Claviger with an API to protect, as its provider set it up. */
export interface TestProvider {
  readonly instance: TestInstance
  readonly claviger: Claviger
  readonly apiId: string
  readonly productionId: string
  readonly testId: string
  /** A credential that may verify, and nothing else; and its id. */
  readonly verifier: { readonly secret: string; readonly keyId: string }
  issue(input?: Partial<KeysCreateInput>): Promise<KeysCreateOutput>
  close(): Promise<void>
}

export async function startTestProvider(): Promise<TestProvider> {
  const instance = await startTestInstance()
  const claviger = createClaviger({ url: instance.url, credential: instance.ownerSecret })
  const { apiId } = await claviger.apis.create({
    slug: 'rpc', name: 'RPC', prefix: 'rpc',
    permissions: [{ name: 'rpc:read', access: 'read' }, { name: 'rpc:write', access: 'write' }],
  })
  const { environmentId: productionId } = await claviger.environments.create({ apiId, kind: 'production' })
  const { environmentId: testId } = await claviger.environments.create({ apiId, kind: 'test' })
  const { principalId } = await claviger.principals.create({ kind: 'service-account', name: 'service', role: 'operator' })
  const verifier = await claviger.principals.createCredential({ principalId, name: 'verify', permissions: ['keys:verify'] })
  return {
    instance, claviger, apiId, productionId, testId, verifier,
    issue: (input = {}) => claviger.keys.create({ environmentId: productionId, name: 'a key', permissions: ['rpc:read'], ...input }),
    close: () => instance.close(),
  }
}
