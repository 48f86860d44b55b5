/** Schemas that the operations on APIs share. */
import { Type } from 'typebox'
import { exactly, formMark, idOf, lineOf, nullable, oneOf } from '#core/http/schema'
import { permissionName } from './key-schema.ts'

export const apiParams = exactly({ apiId: idOf('api') })

export const apiName = lineOf(80, 'What people call the API.')

const access = oneOf(['read', 'write', 'dangerous'], { description: '`dangerous`: moves value, or cannot be undone.' })

/** Empty is what a catalogue answers where none was given, so that it can be sent back as it came. */
const description = Type.String({ ...lineOf(200, 'What it permits.'), minLength: 0 })

export const catalogueInput = Type.Array(
  exactly({ name: permissionName, access, description: Type.Optional(description) }),
  { maxItems: 128, description: 'Every permission that keys of this API can hold.' },
)

export const prefix = Type.String({
  pattern: '^[a-z][a-z0-9]{1,11}$', [formMark]: 'a lower-case letter, then lower-case letters and digits', minLength: 2, maxLength: 12,
  description: 'Begins every key of this API and tells scanners whose it is. Unique in the workspace; never changes.', examples: ['acme'],
})

export const apiOutput = exactly({
  apiId: idOf('api'),
  version: Type.Integer({ minimum: 1, description: 'Rises with each change; send it as `If-Match`.' }),
  slug: Type.String(),
  name: Type.String(),
  prefix: Type.String(),
  permissions: Type.Array(exactly({ name: Type.String(), access, description: Type.String() })),
  status: oneOf(['active', 'revoked']),
  builtIn: Type.Boolean({ description: 'The control plane\'s own API. Its permissions are those of `roles list`.' }),
  createdAt: Type.String(),
  revokedAt: nullable(Type.String()),
  revocationReason: nullable(Type.String()),
  genuine: Type.Boolean({ description: 'False when the stored row was altered outside Claviger; every key under it is refused.' }),
})
