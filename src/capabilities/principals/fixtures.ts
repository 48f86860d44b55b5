/**
 * A first start for the tests of this room: real database, keyring, recorder and verification; callers come out of
 * `authenticate`, as they do behind HTTP.
 *
 * @module
 */
import assert from 'node:assert/strict'
import type { AnyOperation, Caller, Role, WriteOperation } from '#core/http/operation'
import type { Client } from '#core/http/ports'
import {
  createPeppers, createUseRecorder, createVerification, keysMigrations, operations as keyOperations, type KeysServices, type UseRecorder, type Verification,
} from '#cap/keys'
import { createMetrics } from '#core/telemetry/metrics'
import { createSectionSealer } from '#cap/audit'
import { openFoundations, write, type CallOptions, type FoundationOptions, type Foundations } from '../../../tests/support/foundations.ts'
import { collectAccess } from './access.ts'
import { createAuthenticate } from './authenticate.ts'
import { createCredential } from './create-credential.ts'
import { createPrincipal } from './create-principal.ts'
import { createCredentialGrants } from './credential-grants.ts'
import { firstStart } from './first-start.ts'
import { operations } from './index.ts'
import { principalsMigrations } from './migrations/index.ts'
import type { PrincipalsServices } from './services.ts'

export { edit, fault, read, write } from '../../../tests/support/foundations.ts'

export const allOperations: readonly AnyOperation[] = [...keyOperations, ...operations]

export interface Hired {
  readonly principalId: string
  readonly secret: string
  readonly keyId: string
}

export interface House extends Foundations {
  readonly services: PrincipalsServices
  readonly keys: KeysServices
  readonly uses: UseRecorder
  readonly verification: Verification
  readonly ownerSecret: string
  readonly workspaceId: string
  /** Whom a secret stands for now. @throws Fault http/unauthenticated */
  as(secret: string, clientIp?: string): Promise<{ readonly caller: Caller }>
  /** A principal of that role with a credential, made by the first owner unless told otherwise. */
  hire(role: Role, permissions?: readonly string[], by?: string): Promise<Hired>
}

/** @param first the house that was founded in this database before */
export async function openHouse(options: Partial<FoundationOptions> = {}, first?: House): Promise<House> {
  const foundations = await openFoundations({ migrations: [...keysMigrations, ...principalsMigrations], ...options })
  const { storage, guard, keyring, clock, random, recorder, subjects } = foundations
  const access = collectAccess(allOperations, [])
  const peppers = createPeppers(keyring)
  const services: PrincipalsServices = { storage, guard, keyring, peppers, access, metrics: createMetrics() }
  const uses = createUseRecorder({ storage, clock, random })
  const verification = createVerification({ storage, guard, peppers, random })
  const keys: KeysServices = {
    storage, guard, keyring, peppers, verification, uses, sections: createSectionSealer(subjects, random), credentialGrants: createCredentialGrants(services),
  }
  const authenticate = createAuthenticate({ ...services, storage, verification, uses, clock })
  let ownerSecret = first?.ownerSecret ?? ''
  const founded = await firstStart({ storage, keyring, recorder, clock, random }, { deliver: (secret) => void (ownerSecret = secret), exampleApi: false })
  const client = (clientIp: string): Client => ({ requestId: 'req_0000000000000000', clientIp, userAgent: '' })
  const as: House['as'] = async (secret, clientIp = '192.0.2.1') => ({ caller: await authenticate(secret, client(clientIp)) })
  let hired = 0
  return {
    ...foundations, services, keys, uses, verification, ownerSecret, workspaceId: founded?.workspaceId ?? first?.workspaceId ?? '', as,
    async hire(role, permissions, by = ownerSecret) {
      const house = { ...foundations }
      const { principalId } = await write(house, services, createPrincipal, await as(by), { body: { name: `${role} ${++hired}`, role } })
      const body = { name: 'credential', ...(permissions === undefined ? {} : { permissions: [...permissions] }) }
      const { secret, keyId } = await write(house, services, createCredential, await as(by), { params: { principalId }, body })
      return { principalId, secret, keyId }
    },
  }
}

/** A write operation of the room below, by its id: its door gives them as a list. */
export async function act(house: House, id: string, as: CallOptions, given: object): Promise<Readonly<Record<string, unknown>>> {
  const operation = (keyOperations as readonly AnyOperation[]).find((candidate) => candidate.id === id)
  assert.ok(operation?.effect === 'write')
  return (await write(house, house.keys as never, operation as WriteOperation<never>, as, given)) as Readonly<Record<string, unknown>>
}
