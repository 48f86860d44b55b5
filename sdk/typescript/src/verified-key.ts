import type { Permissions } from './permissions.ts'
import type { Verification } from './protector.ts'

type Again = (permissions: Permissions) => Promise<Verification>

/** A key that Claviger called valid for this request. It does not show the key itself. */
export class VerifiedKey {
  readonly keyId: string
  readonly apiId: string | null
  readonly environmentId: string
  /** `development`, `test` or `production`. */
  readonly environment: string | null
  /** The customer that holds it, when it was issued to one. */
  readonly consumerId: string | null
  readonly permissions: readonly string[]
  /** RFC 3339, in UTC. */
  readonly expiresAt: string | null
  readonly #again: Again

  private constructor(members: Omit<VerifiedKey, 'verify'>, again: Again) {
    this.keyId = members.keyId
    this.apiId = members.apiId
    this.environmentId = members.environmentId
    this.environment = members.environment
    this.consumerId = members.consumerId
    this.permissions = members.permissions
    this.expiresAt = members.expiresAt
    this.#again = again
    Object.freeze(this)
  }

  /** Verifies the same key again, from the same client, for something else: each call of a batch, say. */
  verify(permissions: Permissions): Promise<Verification> {
    return this.#again(permissions)
  }

  /** Reads a verification's answer, or null when it lacks what every one has. */
  static from(output: unknown, again: Again): VerifiedKey | null {
    const { keyId, environmentId, permissions, ...rest } = output as Readonly<Record<string, unknown>>
    if (typeof keyId !== 'string' || typeof environmentId !== 'string' || !Array.isArray(permissions)) return null
    const members = {
      keyId,
      environmentId,
      permissions: Object.freeze(permissions.filter((name: unknown) => typeof name === 'string')),
      apiId: textOf(rest['apiId']),
      environment: textOf(rest['environment']),
      consumerId: textOf(rest['consumerId']),
      expiresAt: textOf(rest['expiresAt']),
    }
    return new VerifiedKey(members, again)
  }
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)
