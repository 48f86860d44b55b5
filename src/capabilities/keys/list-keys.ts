import { Type } from 'typebox'
import { cursorOf, positionOf } from '#core/http/newest-first'
import { exactly, formMark, idOf, oneOf, pageOf, pageQuery, timestamp } from '#core/http/schema'
import { presentKey } from './key.ts'
import { findKeys } from './key-query.ts'
import { keyOutput, permissionName } from './key-schema.ts'
import { operation } from './operation.ts'
import { limitOf } from './page.ts'

/**
 * Shorter than any token, and refused when it holds more of one than its public part: an address ends up in logs of
 * proxies and in histories, where no secret may ever stand.
 */
const search = Type.String({
  minLength: 1, maxLength: 48,
  pattern: '^(?! )(?![a-z][a-z0-9]{1,11}_[a-z][a-z0-9]{1,7}_[0-9A-Za-z]{17})[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$',
  [formMark]: 'how a name begins, an id, or the public part of a key, and no more of a key than that',
  description: 'How the name begins, a key\'s id, or the public part of a key: prefix, tag and the 16 characters after them. Never the whole key.',
})

export const listKeys = operation.read({
  id: 'keys.list',
  summary: 'List and search keys',
  description:
    'The newest first. All filters must fit. A page may end early, even empty, when many keys had to be looked at: go on while there is a `nextCursor`. Last use is a few seconds behind.',
  http: 'GET /v1/keys',
  permission: 'keys:read',
  existence: 'keys:read',
  roles: ['owner', 'admin', 'operator', 'developer', 'auditor'],
  criticality: 'none',
  faults: ['http/invalid-cursor'],
  input: {
    query: exactly({
      ...pageQuery,
      environmentId: Type.Optional(idOf('env')),
      apiId: Type.Optional(idOf('api')),
      consumerId: Type.Optional(idOf('con')),
      principalId: Type.Optional(idOf('prn')),
      status: Type.Optional(oneOf(['active', 'disabled', 'revoked', 'expired'], {
        description: 'The key\'s own, whatever became of its consumer, environment or API.',
      })),
      permission: Type.Optional(permissionName),
      search: Type.Optional(search),
      usedBefore: Type.Optional(timestamp('Last used before this time; keys that were never used are not among them.')),
      usedAfter: Type.Optional(timestamp('Last used after this time.')),
      neverUsed: Type.Optional(Type.Boolean({ description: 'true: never verified as valid; false: at least once.' })),
      expiresBefore: Type.Optional(timestamp('Stops working before this time.')),
      expiresAfter: Type.Optional(timestamp('Stops working after this time.')),
    }),
  },
  output: pageOf(keyOutput),
  async handle({ query }, call, services) {
    const from = { after: positionOf('keys.list', query), limit: limitOf(query), nowMs: call.atMs }
    const { keys, next } = await findKeys(services, call.caller.workspaceId, query, from)
    return {
      items: keys.map(({ row, usage, genuine }) => presentKey(row, usage, call.atMs, genuine)),
      nextCursor: next === null ? null : cursorOf('keys.list', next),
    }
  },
})
