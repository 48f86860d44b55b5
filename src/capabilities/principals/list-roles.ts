import { Type } from 'typebox'
import { roles } from '#core/http/operation'
import { exactly } from '#core/http/schema'
import { operation } from './operation.ts'
import { role } from './principal-schema.ts'

export const listRoles = operation.read({
  id: 'roles.list',
  summary: 'List the roles and what each permits',
  description: 'Collected from the operations themselves: each says which roles may call it.',
  http: 'GET /v1/roles',
  permission: 'roles:read',
  existence: 'roles:read',
  roles,
  criticality: 'none',
  faults: [],
  input: {},
  output: exactly({ items: Type.Array(exactly({ role, permissions: Type.Array(Type.String()) })) }),
  handle: (_input, _call, { access }) => ({
    items: roles.map((name) => ({ role: name, permissions: [...access.permissionsOf(name)].sort() })),
  }),
})
