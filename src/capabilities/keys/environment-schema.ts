/** Schemas that the operations on environments share. */
import { Type } from 'typebox'
import { exactly, formMark, idOf, nullable, oneOf } from '#core/http/schema'
import { kinds } from './environment.ts'
import { lifetimeDaysMax } from './policy.ts'

export const environmentParams = exactly({ environmentId: idOf('env') })

export const kind = oneOf(kinds, { description: 'How near to real value its keys are. Sets the defaults of tag, policy and recording.' })

export const tag = Type.String({
  pattern: '^[a-z][a-z0-9]{1,7}$', [formMark]: 'a lower-case letter, then lower-case letters and digits', minLength: 2, maxLength: 8,
  description: 'Stands in every key of the environment. Default: `dev`, `test` or `live`.', examples: ['live'],
})

export const recording = oneOf(['durable', 'relaxed'], {
  description: '`durable` answers a verification after its record is on disk; `relaxed` at once, and may lose the last 50 ms in a crash. Default: `durable` in production.',
})

const lifetimeDays = (description: string) => Type.Integer({ minimum: 1, maximum: lifetimeDaysMax, description })

const rules = {
  maxLifetimeDays: lifetimeDays('The longest a key may live. Default: 365.'),
  requireIpRanges: Type.Boolean({ description: 'Whether a key must name the addresses it may be used from. Default: false.' }),
  maxUnrestrictedDangerousDays: lifetimeDays('The longest a key may live that has a dangerous permission and names no addresses. Default: 30 in production, 365 elsewhere.'),
}

export const policyInput = exactly(
  {
    maxLifetimeDays: Type.Optional(rules.maxLifetimeDays),
    requireIpRanges: Type.Optional(rules.requireIpRanges),
    maxUnrestrictedDangerousDays: Type.Optional(rules.maxUnrestrictedDangerousDays),
  },
  { description: 'What the environment demands of its keys; what is left out stays, or is the default of the kind.' },
)

export const environmentOutput = exactly({
  environmentId: idOf('env'),
  version: Type.Integer({ minimum: 1, description: 'Rises with each change; send it as `If-Match`.' }),
  apiId: idOf('api'),
  slug: Type.String(),
  kind,
  tag: Type.String(),
  status: oneOf(['active', 'revoked']),
  policy: exactly({ maxLifetimeDays: Type.Integer(), requireIpRanges: Type.Boolean(), maxUnrestrictedDangerousDays: Type.Integer() }),
  recording,
  createdAt: Type.String(),
  revokedAt: nullable(Type.String()),
  revocationReason: nullable(Type.String()),
  genuine: Type.Boolean({ description: 'False when the stored row was altered outside Claviger; every key under it is refused.' }),
})
