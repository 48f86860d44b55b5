/** Schemas that the operations on consumers share. */
import { Type } from 'typebox'
import { exactly, idOf, lineOf, nullable, oneOf } from '#core/http/schema'

export const consumerParams = exactly({ consumerId: idOf('con') })

export const reference = lineOf(128, 'Your own id of this customer; unique in the workspace.')
export const consumerName = lineOf(80, 'What people call the customer.')

export const consumerOutput = exactly({
  consumerId: idOf('con'),
  version: Type.Integer({ minimum: 1, description: 'Rises with each change; send it as `If-Match`.' }),
  reference: nullable(Type.String()),
  name: nullable(Type.String()),
  status: oneOf(['active', 'revoked']),
  createdAt: Type.String(),
  revokedAt: nullable(Type.String()),
  revocationReason: nullable(Type.String()),
  erasedAt: nullable(Type.String()),
  genuine: Type.Boolean({ description: 'False when the stored row was altered outside Claviger; every key it holds is refused.' }),
})
