/**
 * Writes `vectors/*.json`: what every implementation, in whatever language, has to agree on.
 *
 * Expectations are written down here by hand and checked against `packages/verifier` before a file is written; tests of
 * the verifier and of every SDK read the files. Run it with `npm run generate`.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { decide, formatToken, parseCidr, parseToken, verdicts, type Status, type TimeWindow, type VerdictCode } from '@claviger/verifier'

const vectors = new URL('../vectors/', import.meta.url)

/** A record as JSON has it: sets and ranges as lists of text. */
export interface RecordVector {
  readonly status: Status
  readonly holderStatus: Status
  readonly environmentStatus: Status
  readonly apiStatus: Status
  readonly workspaceStatus: Status
  readonly expiresAtMs: number | null
  readonly environmentId: string
  readonly permissions: readonly string[]
  readonly ipRanges: readonly string[]
  readonly origins: readonly string[]
  readonly window: TimeWindow | null
}

export interface RequestVector {
  readonly atMs: number
  readonly environmentId?: string
  readonly clientIp?: string
  readonly origin?: string
  readonly permissions?: { readonly all?: readonly string[]; readonly any?: readonly string[] }
}

export interface DecisionVector {
  readonly name: string
  readonly record: RecordVector
  readonly request: RequestVector
  readonly code: VerdictCode
}

export interface TokenVectors {
  readonly valid: readonly { readonly token: string; readonly prefix: string; readonly tag: string; readonly id: string }[]
  readonly invalid: readonly { readonly token: string; readonly why: string }[]
}

export interface VerdictVector {
  readonly httpStatus: number
  readonly title: string
  /** The `error` of `WWW-Authenticate` (RFC 6750 §3.1), or null when the header is not sent. */
  readonly challengeError: 'invalid_token' | 'insufficient_scope' | null
  /** Whether `Retry-After` is sent. */
  readonly retryAfter: boolean
}

/** 2026-11-23, a Monday, at noon. */
const noonMs = Date.UTC(2026, 10, 23, 12)
const record: RecordVector = {
  status: 'active', holderStatus: 'active', environmentStatus: 'active', apiStatus: 'active', workspaceStatus: 'active',
  expiresAtMs: noonMs + 1, environmentId: 'env_0123456789abcdef', permissions: ['rpc:read', 'rpc:write'], ipRanges: [], origins: [], window: null,
}

const vector = (name: string, code: VerdictCode, changed: Partial<RecordVector>, asked: Partial<RequestVector> = {}): DecisionVector =>
  ({ name, record: { ...record, ...changed }, request: { atMs: noonMs, ...asked }, code })

const statusVectors = (): readonly DecisionVector[] =>
  (['status', 'holderStatus', 'environmentStatus', 'apiStatus', 'workspaceStatus'] as const).flatMap((level) => [
    vector(`${level} disabled`, 'disabled', { [level]: 'disabled' }),
    vector(`${level} pending`, 'pending', { [level]: 'pending' }),
    vector(`${level} revoked`, 'revoked', { [level]: 'revoked' }),
    vector(`${level} not known`, 'revoked', { [level]: 'ACTIVE' }),
  ])

const decisions = (): readonly DecisionVector[] => [
  vector('nothing asked', 'valid', {}),
  vector('retiring, before its end', 'valid', { status: 'retiring' }),
  vector('retiring, at its end', 'expired', { status: 'retiring', expiresAtMs: noonMs }),
  ...statusVectors(),
  vector('inner status before outer', 'disabled', { status: 'disabled', workspaceStatus: 'revoked' }),
  vector('status before expiry', 'revoked', { status: 'revoked', expiresAtMs: noonMs }),
  vector('the first millisecond after', 'expired', { expiresAtMs: noonMs }),
  vector('no expiry', 'valid', { expiresAtMs: null }),
  vector('its environment', 'valid', {}, { environmentId: 'env_0123456789abcdef' }),
  vector('another environment', 'wrong-environment', {}, { environmentId: 'env_fedcba9876543210' }),
  vector('expiry before environment', 'expired', { expiresAtMs: noonMs }, { environmentId: 'env_fedcba9876543210' }),
  vector('inside an IPv4 block', 'valid', { ipRanges: ['203.0.113.0/24'] }, { clientIp: '203.0.113.255' }),
  vector('outside every block', 'ip-not-allowed', { ipRanges: ['203.0.113.0/24', '2001:db8::/32'] }, { clientIp: '203.0.114.0' }),
  vector('inside an IPv6 block', 'valid', { ipRanges: ['2001:db8::/32'] }, { clientIp: '2001:DB8:ffff::1' }),
  vector('IPv4 in IPv6 is IPv4', 'valid', { ipRanges: ['203.0.113.7'] }, { clientIp: '::ffff:203.0.113.7' }),
  vector('no address known', 'ip-required', { ipRanges: ['203.0.113.7'] }),
  vector('not an address', 'ip-not-allowed', { ipRanges: ['203.0.113.7'] }, { clientIp: '203.0.113.07' }),
  vector('an address, and no blocks', 'valid', {}, { clientIp: '198.51.100.1' }),
  vector('its origin', 'valid', { origins: ['https://app.example.com'] }, { origin: 'https://app.example.com' }),
  vector('another port is another origin', 'origin-not-allowed', { origins: ['https://app.example.com'] }, { origin: 'https://app.example.com:8443' }),
  vector('another scheme is another origin', 'origin-not-allowed', { origins: ['https://app.example.com'] }, { origin: 'http://app.example.com' }),
  vector('no origin', 'origin-required', { origins: ['https://app.example.com'] }),
  vector('address before origin', 'ip-required', { ipRanges: ['203.0.113.7'], origins: ['https://app.example.com'] }),
  vector('in its window', 'valid', { window: { days: [1], from: '12:00', to: '13:00' } }),
  vector('a window ends before its end', 'outside-window', { window: { days: [1], from: '11:00', to: '12:00' } }),
  vector('another day', 'outside-window', { window: { days: [2], from: '11:00', to: '13:00' } }),
  vector('a window over midnight', 'valid', { window: { days: [7], from: '23:00', to: '12:30' } }),
  vector('all of them', 'valid', {}, { permissions: { all: ['rpc:read', 'rpc:write'] } }),
  vector('not all of them', 'permission-denied', {}, { permissions: { all: ['rpc:read', 'rpc:admin'] } }),
  vector('one of them', 'valid', {}, { permissions: { any: ['rpc:admin', 'rpc:write'] } }),
  vector('none of them', 'permission-denied', {}, { permissions: { any: ['rpc:admin'] } }),
  vector('one of nothing', 'permission-denied', {}, { permissions: { any: [] } }),
  vector('all of nothing', 'valid', {}, { permissions: { all: [] } }),
  vector('all, but none of any', 'permission-denied', {}, { permissions: { all: ['rpc:read'], any: ['rpc:admin'] } }),
  vector('a permission is its exact name', 'permission-denied', { permissions: ['rpc:*', 'rpc'] }, { permissions: { all: ['rpc:read'] } }),
  vector('window before permissions', 'outside-window', { window: { days: [2], from: '11:00', to: '13:00' } }, { permissions: { all: ['rpc:admin'] } }),
]

/** What `decide` says of a vector. */
export function codeOf({ record: { permissions, ipRanges, origins, window, ...rest }, request }: DecisionVector): VerdictCode {
  const ranges = ipRanges.map((text) => parseCidr(text)).filter((range) => range !== null)
  assert.equal(ranges.length, ipRanges.length)
  return decide({ keyId: 'key_0123456789abcdef', ...rest, restrictions: { permissions: new Set(permissions), ipRanges: ranges, origins, window } }, request).code
}

const secret = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ'

function tokens(): TokenVectors {
  const parts = [
    { prefix: 'clv', tag: 'live', id: '0123456789ABCDEF', secret },
    { prefix: 'rpc', tag: 'test', id: 'zyxwvutsrqponmlk', secret: secret.toUpperCase() },
    { prefix: 'a0', tag: 'd1', id: '0000000000000000', secret: '0'.repeat(43) },
    { prefix: 'abcdefghijkl', tag: 'abcdefgh', id: 'ZZZZZZZZZZZZZZZZ', secret: 'z'.repeat(43) },
  ]
  const valid = parts.map(({ prefix, tag, id, ...rest }) => ({ token: formatToken({ prefix, tag, id, ...rest }), prefix, tag, id }))
  const token = valid[0]!.token
  const last = token.at(-1)!
  const invalid = [
    { token: token.slice(0, -1) + (last === '0' ? '1' : '0'), why: 'the checksum has another last digit' },
    { token: token.replace('0123456789ABCDEF', '0123456789ABCDEE'), why: 'the id has another last character' },
    { token: token.replace('clv_', 'clw_'), why: 'another prefix under the same checksum' },
    { token: token.toLowerCase(), why: 'another case' },
    { token: token.slice(0, -1), why: 'a character too few' },
    { token: `${token}0`, why: 'a character too many' },
    { token: ` ${token}`, why: 'a space before' },
    { token: `${token}\n`, why: 'a line break after' },
    { token: token.replaceAll('_', '-'), why: 'other separators' },
    { token: token.replace('live_', ''), why: 'no tag' },
    { token: token.replace('clv_', 'c_'), why: 'a prefix of one character' },
    { token: token.replace('clv_', 'abcdefghijklm_'), why: 'a prefix of thirteen characters' },
    { token: token.replace('clv_', '1lv_'), why: 'a prefix that begins with a digit' },
    { token: '', why: 'nothing' },
  ]
  for (const { token: text, id } of valid) assert.equal(parseToken(text)?.id, id)
  for (const { token: text, why } of invalid) assert.equal(parseToken(text), null, why)
  return { valid, invalid }
}

function verdictVectors(): Readonly<Record<string, VerdictVector>> {
  return Object.fromEntries(Object.entries(verdicts).map(([code, { httpStatus, title }]) => [code, {
    httpStatus, title,
    challengeError: httpStatus === 401 ? 'invalid_token' : code === 'permission-denied' ? 'insufficient_scope' : null,
    retryAfter: httpStatus === 429 || httpStatus === 503,
  }]))
}

/** Every file by its name, as text. */
export function generateVectors(): Readonly<Record<string, string>> {
  const all = decisions()
  for (const each of all) assert.equal(codeOf(each), each.code, each.name)
  return {
    'tokens.json': `${JSON.stringify(tokens(), null, 2)}\n`,
    'decisions.json': `[\n${all.map((each) => `  ${JSON.stringify(each)}`).join(',\n')}\n]\n`,
    'verdicts.json': `${JSON.stringify(verdictVectors(), null, 2)}\n`,
  }
}

if (import.meta.main) for (const [name, text] of Object.entries(generateVectors())) writeFileSync(new URL(name, vectors), text)
