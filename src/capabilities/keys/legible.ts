/**
 * Legible rows: what of a row that is not genuine can be shown, and written again when it is taken away.
 *
 * Whoever altered a row may have put anything into it. It is not hidden, and it can be revoked, so nothing it holds may
 * stop an answer or a commit: what has not the form of our own rows is replaced by something neutral.
 *
 * @module
 */
import { isTimeWindow } from '@claviger/verifier'
import { idPattern, type IdPrefix } from '#core/base/id'
import { defaultPolicies, type Policy } from './policy.ts'
import {
  revocationReasons, type ApiRow, type ConsumerRow, type EnvironmentRow, type KeyRow, type RevocationReason, type Standing,
} from './tables.ts'

type Form<Value> = readonly [fits: (value: unknown) => boolean, instead: Value]
type Forms<Row> = { readonly [Column in keyof Row]: Form<Row[Column]> }

function legible<Row extends object>(row: Row, forms: Forms<Row>): Row {
  const entries = Object.entries<Form<unknown>>(forms)
  const values = entries.map(([column, [fits, instead]]) => {
    const value = (row as Readonly<Record<string, unknown>>)[column]
    return [column, fits(value) ? value : instead]
  })
  // Every column of the row has its form, and every form its column.
  return Object.fromEntries(values) as Row
}

const textMax = 8_192
const timeMax = Date.UTC(9999, 11, 31)
/** Nobody changes a row so often; beyond it adding one would lose its exactness. */
const versionMax = 2 ** 48

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= textMax && value.isWellFormed() && !value.includes('\0')
const isTime = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= timeMax
const isVersion = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= versionMax
const isOneOf = (words: readonly unknown[]) => (value: unknown): boolean => words.includes(value)
const isIdOf = (prefix: IdPrefix) => (value: unknown): boolean => isText(value) && new RegExp(idPattern(prefix)).test(value)
const orNull = (fits: (value: unknown) => boolean) => (value: unknown): boolean => value === null || fits(value)
const isJson = (fits: (value: unknown) => boolean) => (value: unknown): boolean => {
  if (!isText(value)) return false
  try {
    return fits(JSON.parse(value))
  } catch {
    return false
  }
}
const isTextList = (value: unknown): boolean => Array.isArray(value) && value.every(isText)
const isPermission = (value: unknown): boolean =>
  isObject(value) && isText(value['name']) && isOneOf(['read', 'write', 'dangerous'])(value['access']) && isText(value['description']) && Object.keys(value).length === 3
const isCatalogue = (value: unknown): boolean => Array.isArray(value) && value.every(isPermission)
const isDays = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 1
const isPolicy = (value: unknown): boolean =>
  isObject(value) && Object.keys(value).length === 3 && isDays(value['maxLifetimeDays']) &&
  typeof value['requireIpRanges'] === 'boolean' && isDays(value['maxUnrestrictedDangerousDays'])
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const nobody = '0000000000000000'
const idForm = (prefix: IdPrefix): Form<string> => [isIdOf(prefix), `${prefix}_${nobody}`]
const timeForm: Form<number> = [isTime, 0]
const ended = {
  revoked_at_ms: [orNull(isTime), null] as Form<number | null>,
  revocation_reason: [orNull(isOneOf(revocationReasons)), null] as Form<RevocationReason | null>,
}
const standing: Form<Standing> = [isOneOf(['active', 'revoked']), 'revoked']
const owned = { version: [isVersion, 1] as Form<number>, workspace_id: idForm('wsp'), created_at_ms: timeForm, ...ended }

const keyForms: Forms<KeyRow> = {
  ...owned,
  id: idForm('key'),
  api_id: idForm('api'),
  environment_id: idForm('env'),
  consumer_id: [orNull(isIdOf('con')), null],
  principal_id: [orNull(isIdOf('prn')), null],
  kind: [isOneOf(['bearer']), 'bearer'],
  name: [isText, ''],
  status: [isOneOf(['active', 'disabled', 'revoked']), 'revoked'],
  hash: [(value) => value instanceof Uint8Array && value.length === 32, new Uint8Array(32)],
  pepper_version: [isVersion, 1],
  permissions: [isJson(isTextList), '[]'],
  ip_ranges: [isJson(isTextList), '[]'],
  origins: [isJson(isTextList), '[]'],
  time_window: [orNull(isJson(isTimeWindow)), null],
  created_by: idForm('prn'),
  expires_at_ms: timeForm,
}

const apiForms: Forms<ApiRow> = {
  ...owned,
  id: idForm('api'),
  slug: [isText, ''],
  name: [isText, ''],
  prefix: [isText, ''],
  catalogue: [isJson(isCatalogue), '[]'],
  status: standing,
  built_in: [isOneOf([0, 1]), 0],
}

const environmentForms: Forms<EnvironmentRow> = {
  ...owned,
  id: idForm('env'),
  api_id: idForm('api'),
  slug: [isText, ''],
  kind: [isOneOf(['development', 'test', 'production']), 'production'],
  tag: [isText, ''],
  status: standing,
  policy: [isJson(isPolicy), JSON.stringify(defaultPolicies.production satisfies Policy)],
  recording: [isOneOf(['durable', 'relaxed']), 'durable'],
  pepper_version: [isVersion, 1],
}

const consumerForms: Forms<ConsumerRow> = {
  ...owned,
  id: idForm('con'),
  reference: [orNull(isText), null],
  name: [orNull(isText), null],
  status: standing,
  erased_at_ms: [orNull(isTime), null],
}

/** A key as `checked` wants it, whatever stood in the row; one holder, and an end after its beginning. */
export function legibleKey(row: KeyRow): KeyRow {
  const key = legible(row, keyForms)
  return {
    ...key,
    consumer_id: key.principal_id === null ? key.consumer_id : null,
    expires_at_ms: Math.max(key.expires_at_ms, key.created_at_ms + 1),
  }
}

/** The ranges of a credential whose row was not checked: none, so from anywhere, where they were altered into something else. */
export const legibleRanges = (text: string): readonly string[] => JSON.parse(keyForms.ip_ranges[0](text) ? text : '[]') as string[]

export const legibleApi = (row: ApiRow): ApiRow => legible(row, apiForms)
export const legibleEnvironment = (row: EnvironmentRow): EnvironmentRow => legible(row, environmentForms)
export const legibleConsumer = (row: ConsumerRow): ConsumerRow => legible(row, consumerForms)
