/** Schemas that this room's operations share. */
import { Type } from 'typebox'
import { roles } from '#core/http/operation'
import { exactly, formMark, idOf, lineOf, nullable, oneOf } from '#core/http/schema'

export const role = oneOf(roles, { description: 'A named set of permissions; `roles list` shows them.' })
export const principalName = lineOf(80, 'What people call the principal; unique in the workspace.')
export const principalKind = oneOf(['user', 'service-account'])
export const principalParams = exactly({ principalId: idOf('prn') })

export const principalOutput = exactly({
  principalId: idOf('prn'),
  version: Type.Integer({ minimum: 1, description: 'Rises with each change; send it as `If-Match`.' }),
  kind: principalKind,
  name: nullable(Type.String({ description: 'Null once erased.' })),
  role,
  status: oneOf(['active', 'disabled', 'revoked']),
  createdAt: Type.String(),
  revokedAt: nullable(Type.String()),
  erasedAt: nullable(Type.String()),
})

/** A permission of the control plane, or `*`. */
export const controlPermission = Type.String({
  pattern: '^(\\*|[a-z]+(-[a-z]+)*:[a-z]+(-[a-z]+)*)$', [formMark]: 'a permission of the control plane, or *', maxLength: 64,
  description: 'A permission of the control plane; `*` is whatever the role grants, now and after an upgrade.', examples: ['keys:verify'],
})
