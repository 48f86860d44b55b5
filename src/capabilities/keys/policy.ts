/** Policies: what an environment demands of its keys. Pure. */
import { cidrContains, parseCidr, type Cidr } from '@claviger/verifier'
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
      `max-unrestricted-dangerous: a key of this environment with a dangerous permission lives ${days(policy.maxUnrestrictedDangerousDays)} at most, unless it names the addresses it may be used from, and not an eighth of all there are.`,
  },
  'require-ip-ranges': {
    pointer: '/ipRanges',
    isBroken: (policy, terms) => policy.requireIpRanges && isFromAnywhere(terms.ipRanges),
    says: () => 'require-ip-ranges: a key of this environment names the addresses it may be used from, and not an eighth of all there are.',
  },
}

const lifetimeMs = (terms: KeyTerms): number => terms.expiresAtMs - terms.createdAtMs
const days = (count: number): string => (count === 1 ? '1 day' : `${count} days`)

const isUnrestrictedDangerous = ({ ipRanges, permissions }: Pick<KeyTerms, 'ipRanges' | 'permissions'>): boolean =>
  isFromAnywhere(ipRanges) && permissions.some((permission) => permission.access === 'dangerous')

/** Of IPv6 no more than an eighth is in use at all (2000::/3); whoever names as much has named nothing. */
const anywhereShare = 1 / 8

/** Whether a key may be used from anywhere: it names no addresses, or, in however many blocks, as good as all of a kind. */
function isFromAnywhere(ipRanges: readonly string[]): boolean {
  const blocks = ipRanges.map(parseCidr).filter((block) => block !== null)
  if (blocks.length === 0) return true
  return [1, 4].some((words) => shareOf(blocks.filter(({ network }) => network.length === words)) >= anywhereShare)
}

/** Blocks lie in each other or apart: without those that lie in another they add up. */
const shareOf = (blocks: readonly Cidr[]): number =>
  blocks.filter((block) => !blocks.some((other) => other.prefixLength < block.prefixLength && cidrContains(other, block.network)))
    .reduce((share, { prefixLength }) => share + 2 ** -prefixLength, 0)

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
