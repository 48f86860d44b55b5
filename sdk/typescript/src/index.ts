/**
 * The TypeScript SDK of Claviger: a client of every operation, and the core of `protect`.
 *
 * `protect` itself comes from `@claviger/sdk/fastify`, `/express`, `/hono`, `/node` or `/fetch`.
 *
 * @module
 */
export { createClaviger, type Claviger, type ClavigerOptions } from './client.ts'
export {
  ClavigerProblem, ClavigerSecretLost, ClavigerUnavailable, isProblemOf, type InputError, type UnavailableReason,
} from './errors.ts'
export type * from './generated.ts'
export { version } from './generated.ts'
export type { AnswerInfo, CallOptions, WriteOptions } from './operation.ts'
export type { Permissions } from './permissions.ts'
export type { ProtectOptions } from './protect.ts'
export {
  createProtector, type Presentation, type Protector, type ProtectorOptions, type Verification, type VerificationDemand,
} from './protector.ts'
export type { Refusal, RefusalCode } from './refusal.ts'
export type { VerifiedKey } from './verified-key.ts'
