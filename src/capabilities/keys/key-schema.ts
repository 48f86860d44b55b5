/** Schemas that the operations on keys share. */
import { Type } from 'typebox'
import { exactly, formMark, idOf, lineOf, nullable, oneOf, timestamp } from '#core/http/schema'
import { revocationReasons } from './tables.ts'

export const permissionName = Type.String({
  pattern: '^[a-z][a-z0-9]*([-:._][a-z0-9]+)*$', [formMark]: 'lower-case letters and digits, in words joined by hyphens, colons, dots or underscores',
  minLength: 1, maxLength: 64, description: 'Name of a permission.', examples: ['rpc:read'],
})

export const origin = Type.String({
  pattern: '^https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?$', [formMark]: 'scheme, host and, if need be, port of a web page, in lower case and without a path',
  maxLength: 270, description: 'A web origin: scheme, host, port.', examples: ['https://app.example.com'],
})

const timeForm = 'a time of day, from 00:00 to 23:59'

export const timeWindow = exactly(
  {
    days: Type.Array(Type.Integer({ minimum: 1, maximum: 7 }), { minItems: 1, maxItems: 7, description: 'ISO weekdays on which it begins: 1 is Monday.' }),
    from: Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', [formMark]: timeForm, description: 'When it begins, in UTC.', examples: ['08:30'] }),
    to: Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', [formMark]: timeForm, description: 'When it ends, in UTC; at or before `from` it is on the next day.', examples: ['18:00'] }),
  },
  { description: 'When a key may be used.' },
)

export const cidr = Type.String({ minLength: 2, maxLength: 49, description: 'An IPv4 or IPv6 address or CIDR block.', examples: ['203.0.113.0/24', '2001:db8::/32'] })

export const reason = oneOf(revocationReasons, { description: 'Why, in the words of RFC 5280 §5.3.1.' })

/** What a caller says of a new key. */
export const keyTerms = {
  name: lineOf(80, 'What people call the key.'),
  permissions: Type.Array(permissionName, { maxItems: 128, uniqueItems: true, description: 'What it may do, from the catalogue of its API.' }),
  expiresAt: Type.Optional(timestamp('When it stops working. Default: as late as the environment allows.')),
  ipRanges: Type.Optional(Type.Array(cidr, { maxItems: 64, description: 'From where it may be used; empty: from anywhere.' })),
  origins: Type.Optional(Type.Array(origin, { maxItems: 64, description: 'From which web origins it may be used; empty: any or none.' })),
  timeWindow: Type.Optional(timeWindow),
}

export const keyParams = exactly({ keyId: idOf('key') })

export const keyOutput = exactly({
  keyId: idOf('key'),
  version: Type.Integer({ minimum: 1, description: 'Rises with each change; send it as `If-Match`.' }),
  apiId: idOf('api'),
  environmentId: idOf('env'),
  consumerId: nullable(idOf('con')),
  principalId: nullable(idOf('prn')),
  kind: Type.Literal('bearer'),
  name: Type.String(),
  status: oneOf(['active', 'disabled', 'revoked', 'expired'], {
    description: 'Its own. A key under a revoked consumer, environment or API keeps it, and is refused as revoked.',
  }),
  permissions: Type.Array(Type.String()),
  ipRanges: Type.Array(Type.String()),
  origins: Type.Array(Type.String()),
  timeWindow: nullable(timeWindow),
  createdAt: Type.String(),
  createdBy: Type.String({ description: 'The principal that issued it.' }),
  expiresAt: Type.String(),
  revokedAt: nullable(Type.String()),
  revocationReason: nullable(Type.String()),
  lastUsedAt: nullable(Type.String({ description: 'The last verification that succeeded and was cut into a block; a few seconds behind.' })),
  uses: exactly({ valid: Type.Integer(), denied: Type.Integer() }, { description: 'How often it was verified, with what outcome.' }),
  genuine: Type.Boolean({ description: 'False when the stored row was altered outside Claviger; such a key verifies nowhere.' }),
})
