import { canonicalIp, verdictOf, verdicts, type VerificationRequest } from '@claviger/verifier'
import { Type } from 'typebox'
import { toTimestamp } from '#core/base/clock'
import type { Call } from '#core/http/operation'
import { exactly, idOf, nullable, secretString } from '#core/http/schema'
import { invalidInput } from '#core/http/validation'
import { origin, permissionName } from './key-schema.ts'
import { operation } from './operation.ts'
import type { KeysServices } from './services.ts'
import type { Verified } from './verification.ts'

const permissionList = (description: string) => Type.Optional(Type.Array(permissionName, { minItems: 1, maxItems: 32, description }))

/** The codes that say so much of a key, as a protected service answers them. Of outages none is an answer here: those are faults. */
const codesFor = (status: 401 | 403): string =>
  Object.entries(verdicts).flatMap(([code, { httpStatus }]) => (httpStatus === status ? [`\`${code}\``] : [])).join(', ')

const verdictOutput = exactly({
  valid: Type.Boolean(),
  code: Type.String({ description: `Why: \`valid\`, or the first reason against it. Worth a 401 to your client: ${codesFor(401)}. Worth a 403: ${codesFor(403)}. Take a code that you do not know for a 401: there will be more.` }),
  keyId: nullable(Type.String()),
  apiId: nullable(Type.String()),
  environmentId: nullable(Type.String()),
  environment: nullable(Type.String({ description: '`development`, `test` or `production`.' })),
  consumerId: nullable(Type.String()),
  permissions: Type.Array(Type.String()),
  expiresAt: nullable(Type.String()),
})

export const verifyKey = operation.read({
  id: 'keys.verify',
  summary: 'Verify a key',
  description:
    'Decides whether a presented key may do what is asked, and records the use. A refusal is an answer, not an error: 200 with `"valid": false` and a code. Pass the client\'s address yourself; headers are not looked at.',
  http: 'POST /v1/keys/verify',
  permission: 'keys:verify',
  existence: 'keys:verify',
  roles: ['owner', 'admin', 'operator', 'developer'],
  criticality: 'none',
  faults: ['keys/use-recording-unavailable'],
  input: {
    body: exactly({
      key: secretString({ maxLength: 512, description: 'What the client presented.' }),
      permissions: Type.Optional(exactly({ all: permissionList('It must hold every one.'), any: permissionList('It must hold one of these.') })),
      environmentId: Type.Optional(idOf('env', 'The environment it must belong to. Without it, any of the workspace.')),
      clientIp: Type.Optional(Type.String({ minLength: 2, maxLength: 45, description: 'The address of the client that presented it.' })),
      origin: Type.Optional(origin),
    }),
  },
  output: verdictOutput,
  handle({ body }, call, services) {
    const clientIp = body.clientIp === undefined ? undefined : canonicalIp(body.clientIp)
    if (clientIp === null) {
      throw invalidInput([{ pointer: '/clientIp', detail: 'Must be an IPv4 or IPv6 address.' }])
    }
    const { environmentId, origin: from, permissions } = body
    const request: VerificationRequest = { atMs: call.atMs, environmentId, clientIp, origin: from, permissions }
    const verified = services.verification.verify(body.key, request)
    return verified instanceof Promise
      ? verified.then((outcome) => answer(outcome, request, call, services))
      : answer(verified, request, call, services)
  },
})

const nothing = { keyId: null, apiId: null, environmentId: null, environment: null, consumerId: null, permissions: [] as string[], expiresAt: null }

/** Records the use and answers; waits for the disk where the environment says so. */
function answer(verified: Verified, request: VerificationRequest, call: Call, services: KeysServices) {
  const { environment, record, verdict } = ownOf(verified, call.caller.workspaceId)
  const { all, any } = request.permissions ?? {}
  const use = {
    workspaceId: call.caller.workspaceId,
    environmentId: record?.environmentId ?? '',
    keyId: record?.keyId ?? '',
    holderId: record === null ? '' : (verified.consumerId ?? ''),
    atMs: request.atMs,
    code: verdict.code,
    clientIp: request.clientIp ?? '',
    permissions: all === undefined && any === undefined ? '' : [...(all ?? []), ...(any ?? [])].join(','),
    verifierId: call.caller.principalId,
    count: 1,
  }
  const output =
    record === null || environment === null
      ? { valid: verdict.valid, code: verdict.code, ...nothing }
      : {
          valid: verdict.valid,
          code: verdict.code,
          keyId: record.keyId,
          apiId: environment.apiId,
          environmentId: environment.environmentId,
          environment: environment.kind,
          consumerId: verified.consumerId,
          permissions: [...record.restrictions.permissions],
          expiresAt: record.expiresAtMs === null ? null : toTimestamp(record.expiresAtMs),
        }
  if (environment?.recording === 'durable') return services.uses.durable(use).then(() => output)
  services.uses.relaxed(use)
  return output
}

const foreign = { record: null, environment: null, verdict: verdictOf('not-found') } as const

/**
 * What of an outcome the caller may learn: nothing of another workspace's keys (K5), not even that one was altered, nor
 * of the control plane's own credentials, which are not for a data plane to verify.
 */
function ownOf(verified: Verified, workspaceId: string): Pick<Verified, 'record' | 'environment' | 'verdict'> {
  const { environment, alteredIn } = verified
  if (environment !== null) return environment.workspaceId === workspaceId && !environment.builtIn ? verified : foreign
  return alteredIn === null || alteredIn === workspaceId ? verified : foreign
}
