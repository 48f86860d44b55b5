import { Type } from 'typebox'
import { exactly, slugOf } from '#core/http/schema'
import { apiParams } from './api-schema.ts'
import { environmentFacts, newEnvironment, presentEnvironment, writesOfNewEnvironment } from './environment.ts'
import { environmentOutput, kind, policyInput, recording, tag } from './environment-schema.ts'
import { keyFaults } from './faults.ts'
import { requireApi } from './find.ts'
import { operation } from './operation.ts'
import { apiTable } from './tables.ts'

export const createEnvironment = operation.write({
  id: 'environments.create',
  summary: 'Make an environment of an API',
  description: 'Development, test or production. A key belongs to exactly one and verifies in no other.',
  http: 'POST /v1/apis/{apiId}/environments',
  permission: 'environments:create',
  existence: 'apis:read',
  roles: ['owner', 'admin'],
  criticality: 'none',
  event: 'environment.created',
  takesAway: false,
  status: 201,
  faults: ['keys/api-not-found', 'keys/already-revoked', 'keys/built-in', 'keys/name-taken', 'storage/tampered'],
  input: {
    params: apiParams,
    body: exactly({
      kind,
      slug: Type.Optional(slugOf('Names it on the command line; unique in its API. Default: its kind.')),
      tag: Type.Optional(tag),
      policy: Type.Optional(policyInput),
      recording: Type.Optional(recording),
    }),
  },
  output: environmentOutput,
  unique: {
    environments_slug: () => keyFaults['name-taken']('Another environment of this API has that slug.', { errors: [{ pointer: '/slug', detail: 'Is taken.' }] }),
    environments_tag: () => keyFaults['name-taken']('Another environment of this API has that tag.', { errors: [{ pointer: '/tag', detail: 'Is taken.' }] }),
  },
  async decide({ params, body }, call, services) {
    const { workspaceId } = call.caller
    const api = await requireApi(services, workspaceId, params.apiId)
    if (api.built_in === 1) throw keyFaults['built-in']('The built-in API has the one environment it needs.')
    if (api.status === 'revoked') throw keyFaults['already-revoked']('This API was revoked; it gets no more environments.')
    const environment = newEnvironment({ ...body, workspaceId, apiId: api.id, atMs: call.atMs, random: call.random })
    return {
      output: presentEnvironment(environment, true),
      target: environment.id,
      facts: environmentFacts(environment),
      writes: await writesOfNewEnvironment(services.keyring, environment),
      expects: [{ table: apiTable, id: api.id, version: api.version }],
    }
  },
})
