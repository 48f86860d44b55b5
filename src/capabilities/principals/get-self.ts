import { Type } from 'typebox'
import { roles } from '#core/http/operation'
import { exactly, idOf } from '#core/http/schema'
import { requirePrincipal } from './find.ts'
import { operation } from './operation.ts'
import { presentPrincipal } from './principal.ts'
import { principalOutput } from './principal-schema.ts'

export const getSelf = operation.read({
  id: 'principals.get-self',
  summary: 'Show who you are',
  description: 'The principal behind the credential, and what role and credential together permit.',
  http: 'GET /v1/self',
  permission: 'self:read',
  existence: 'self:read',
  roles,
  criticality: 'none',
  faults: ['principals/not-found', 'storage/tampered'],
  input: {},
  output: exactly({
    principal: principalOutput,
    workspaceId: idOf('wsp'),
    credentialId: idOf('key'),
    permissions: Type.Array(Type.String()),
  }),
  async handle(_input, { caller }, services) {
    const principal = await requirePrincipal(services, caller.workspaceId, caller.principalId)
    return {
      principal: presentPrincipal(principal),
      workspaceId: caller.workspaceId,
      credentialId: caller.keyId,
      permissions: [...caller.permissions].sort(),
    }
  },
})
