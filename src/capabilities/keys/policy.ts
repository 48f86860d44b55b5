/** Policies: what an environment demands of its keys. Pure. */
import { keyFaults } from './faults.ts'
import type { Permission } from './permission.ts'

export interface Policy {
  /** The longest a key may live, in days. */
  readonly maxLifetimeDays: number
  /** Whether a key must say from where it may be used. */
  readonly requireIpRanges: boolean
  /** The longest a key may live that has a dangerous permission and may be used from anywhere, in days. */
  readonly maxUnrestrictedDangerousDays: number
}

export const dayMs = 86_400_000

export const lifetimeDaysMax = 3_650

/**
 * What an environment demands unless told otherwise: the closer to real value, the stricter. In production a key that
 * can move value from any address ends after a month, as exchanges do it: a leak of it is worth a theft.
 */
export const defaultPolicies: Readonly<Record<'development' | 'test' | 'production', Policy>> = {
  development: { maxLifetimeDays: 365, requireIpRanges: false, maxUnrestrictedDangerousDays: 365 },
  test: { maxLifetimeDays: 365, requireIpRanges: false, maxUnrestrictedDangerousDays: 365 },
  production: { maxLifetimeDays: 365, requireIpRanges: false, maxUnrestrictedDangerousDays: 30 },
}

export interface KeyTerms {
  readonly createdAtMs: number
  readonly expiresAtMs: number
  readonly ipRanges: readonly string[]
  readonly permissions: readonly Permission[]
}

interface Rule {
  readonly pointer: string
  readonly isBroken: (policy: Policy, terms: KeyTerms) => boolean
  readonly says: (policy: Policy) => string
}

/** Each rule by its name, which the refusal names. */
const rules: Readonly<Record<string, Rule>> = {
  'max-lifetime': {
    pointer: '/expiresAt',
    isBroken: (policy, terms) => lifetimeMs(terms) > policy.maxLifetimeDays * dayMs,
    says: (policy) => `max-lifetime: a key of this environment lives ${days(policy.maxLifetimeDays)} at most.`,
  },
  'max-unrestricted-dangerous': {
    pointer: '/expiresAt',
    isBroken: (policy, terms) => isUnrestrictedDangerous(terms) && lifetimeMs(terms) > policy.maxUnrestrictedDangerousDays * dayMs,
    says: (policy) =>
      `max-unrestricted-dangerous: a key of this environment with a dangerous permission lives ${days(policy.maxUnrestrictedDangerousDays)} at most, unless it names the addresses it may be used from.`,
  },
  'require-ip-ranges': {
    pointer: '/ipRanges',
    isBroken: (policy, terms) => policy.requireIpRanges && terms.ipRanges.length === 0,
    says: () => 'require-ip-ranges: a key of this environment names the addresses it may be used from.',
  },
}

const lifetimeMs = (terms: KeyTerms): number => terms.expiresAtMs - terms.createdAtMs
const days = (count: number): string => (count === 1 ? '1 day' : `${count} days`)

const isUnrestrictedDangerous = ({ ipRanges, permissions }: Pick<KeyTerms, 'ipRanges' | 'permissions'>): boolean =>
  ipRanges.length === 0 && permissions.some((permission) => permission.access === 'dangerous')

/** How long a key of these terms may live: what it gets when it does not say. */
export const longestLifetimeMs = (policy: Policy, terms: Pick<KeyTerms, 'ipRanges' | 'permissions'>): number =>
  dayMs * (isUnrestrictedDangerous(terms) ? Math.min(policy.maxLifetimeDays, policy.maxUnrestrictedDangerousDays) : policy.maxLifetimeDays)

/**
 * Invariant K9: a key that breaks a rule of its environment is refused, and the refusal names the rule.
 *
 * @throws Fault keys/breaks-policy with one error a broken rule
 */
export function requirePolicy(policy: Policy, terms: KeyTerms): void {
  const errors = Object.values(rules)
    .filter((rule) => rule.isBroken(policy, terms))
    .map((rule) => ({ pointer: rule.pointer, detail: rule.says(policy) }))
  if (errors.length > 0) {
    throw keyFaults['breaks-policy'](errors.map((error) => error.detail).join(' '), { errors })
  }
}
