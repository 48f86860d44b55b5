/**
 * Configuration: one YAML file, everything in it optional, read strictly. What is wrong is told with its line and its
 * cure. Secrets never stand in it: they come from files of their own.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Type, type Static } from 'typebox'
import { isNode, LineCounter, parseDocument, type Document } from 'yaml'
import { parseCidr } from '@claviger/verifier'
import { Fault, type InputError } from '#core/base/fault'
import { defaultLimits, type Limits } from '#core/http/limits'
import { exactly, oneOf } from '#core/http/schema'
import type { TlsFiles } from '#core/http/tls'
import { compileCheck } from '#core/http/validation'
import type { LogLevel } from '#core/telemetry/logger'

const path = (description: string) => Type.String({ minLength: 1, maxLength: 4096, description })
const optional = Type.Optional

/** Every setting there is; `docs/guides/operate.md` shows them. */
export const configSchema = exactly({
  listen: optional(exactly({
    host: optional(Type.String({ minLength: 1, maxLength: 253 })),
    port: optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
  })),
  dataDirectory: optional(path('Where the database, the root key and the first credential lie.')),
  rootKeyFile: optional(path('The root key; in the data directory unless told otherwise.')),
  database: optional(exactly({
    /** `postgres://…` without a password. */
    url: optional(Type.String({ minLength: 1, maxLength: 2048 })),
    /** A file that holds nothing but the URL, password and all. */
    urlFile: optional(path('A file that holds the URL.')),
    poolSize: optional(Type.Integer({ minimum: 1, maximum: 100 })),
  })),
  tls: optional(exactly({ certFile: path('PEM.'), keyFile: path('PEM.'), clientCaFile: optional(path('PEM.')) })),
  unsafePlainHttp: optional(Type.Boolean()),
  trustedProxies: optional(Type.Array(Type.String({ minLength: 2, maxLength: 49 }), { maxItems: 64 })),
  log: optional(exactly({ level: optional(oneOf(['error', 'warn', 'info', 'debug'])) })),
  limits: optional(Type.Object(
    Object.fromEntries(Object.keys(defaultLimits).map((name) => [name, optional(Type.Integer({ minimum: 1, maximum: 1_000_000_000 }))])),
    { additionalProperties: false },
  )),
  exampleApi: optional(Type.Boolean()),
  acceptClockAhead: optional(Type.Boolean()),
})

export interface Config {
  /** The file that it was read from; null: all defaults. */
  readonly file: string | null
  readonly listen: { readonly host: string; readonly port: number }
  readonly dataDirectory: string
  readonly rootKeyFile: string
  readonly database: { readonly engine: 'sqlite'; readonly path: string } | { readonly engine: 'postgres'; readonly connectionString: string; readonly poolSize: number }
  /** The file that the database's URL was read from, password and all; null: none. */
  readonly databaseUrlFile: string | null
  readonly tls: TlsFiles | null
  readonly unsafePlainHttp: boolean
  readonly trustedProxies: readonly string[]
  readonly logLevel: LogLevel
  readonly limits: Partial<Limits>
  /** Whether a first start makes an API to try things on. */
  readonly exampleApi: boolean
  /** Whether a clock far beyond the last time that was committed is right. */
  readonly acceptClockAhead: boolean
}

/** A configuration that cannot be used. Its message is for the operator's terminal: file, line, what, cure. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

export const defaultPort = 7420

/**
 * Reads a configuration file; null: all defaults. Relative paths in it start from its own folder.
 *
 * @throws ConfigError
 */
export function loadConfig(file: string | null, workingDirectory: string): Config {
  if (file === null) return resolveConfig({}, null, workingDirectory, () => 'the defaults')
  const absolute = resolve(workingDirectory, file)
  const lines = new LineCounter()
  const document = parseDocument(readText(absolute), { lineCounter: lines, strict: true, uniqueKeys: true, version: '1.2' })
  const [syntax] = document.errors
  if (syntax !== undefined) {
    const [summary = ''] = syntax.message.split('\n')
    throw new ConfigError(`${absolute}:${syntax.linePos?.[0].line ?? 1}: not valid YAML: ${summary.replace(/ at line .*$/, '')}`)
  }
  const at = (names: readonly string[]): string => `${absolute}:${lineOf(document, names, lines)}`
  const value = document.toJS({ maxAliasCount: 0 }) as unknown
  return resolveConfig(checked(value ?? {}, at), absolute, dirname(absolute), at)
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code}). Name another with --config, or leave that out for the defaults.`)
  }
}

const check = compileCheck(configSchema, 'body')

type Settings = Static<typeof configSchema>

function checked(value: unknown, at: (names: readonly string[]) => string): Settings {
  try {
    check(value)
    return value as Settings
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    throw new ConfigError(error.errors.map((one) => describe(one, at)).join('\n'))
  }
}

function describe({ pointer, detail }: InputError, at: (names: readonly string[]) => string): string {
  const names = pointer.split('/').slice(1)
  const name = names.length === 0 ? 'The configuration' : `\`${names.join('.')}\``
  const known = detail === 'Is not known here.' ? ` Known there: ${knownAt(names.slice(0, -1)).join(', ')}.` : ''
  return `${at(names)}: ${name} ${detail.charAt(0).toLowerCase()}${detail.slice(1)}${known}`
}

function knownAt(names: readonly string[]): readonly string[] {
  let schema: { readonly properties?: Readonly<Record<string, object>> } = configSchema
  for (const name of names) schema = schema.properties?.[name] ?? {}
  return Object.keys(schema.properties ?? {})
}

/** The line of a setting, or of the nearest thing above it that is there. */
function lineOf(document: Document, names: readonly string[], lines: LineCounter): number {
  for (let length = names.length; length > 0; length--) {
    const node = document.getIn(names.slice(0, length), true)
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line
  }
  return 1
}

function resolveConfig(settings: Settings, file: string | null, base: string, at: (names: readonly string[]) => string): Config {
  const dataDirectory = resolve(base, settings.dataDirectory ?? 'data')
  const tls = settings.tls === undefined ? null : tlsFiles(settings.tls, base)
  const host = settings.listen?.host ?? 'localhost'
  const unsafePlainHttp = settings.unsafePlainHttp ?? false
  if (tls === null && !unsafePlainHttp && !['localhost', '127.0.0.1', '::1'].includes(host)) {
    throw new ConfigError(
      `${at(['listen', 'host'])}: \`listen.host\` is not loopback, and there is no \`tls\`: credentials would cross the network readable. ` +
      'Configure `tls`, listen on localhost behind a proxy that speaks TLS, or spell out `unsafePlainHttp: true`.',
    )
  }
  for (const [index, block] of (settings.trustedProxies ?? []).entries()) {
    if (parseCidr(block) === null) {
      throw new ConfigError(`${at(['trustedProxies', String(index)])}: \`trustedProxies\` names addresses or CIDR blocks without host bits, such as 10.0.0.0/8.`)
    }
  }
  return {
    file,
    listen: { host, port: settings.listen?.port ?? defaultPort },
    dataDirectory,
    rootKeyFile: settings.rootKeyFile === undefined ? resolve(dataDirectory, 'root.key') : resolve(base, settings.rootKeyFile),
    database: databaseOf(settings.database ?? {}, dataDirectory, base, at),
    databaseUrlFile: settings.database?.urlFile === undefined ? null : resolve(base, settings.database.urlFile),
    tls,
    unsafePlainHttp,
    trustedProxies: settings.trustedProxies ?? [],
    logLevel: settings.log?.level ?? 'info',
    limits: settings.limits ?? {},
    exampleApi: settings.exampleApi ?? true,
    acceptClockAhead: settings.acceptClockAhead ?? false,
  }
}

const tlsFiles = ({ certFile, keyFile, clientCaFile }: NonNullable<Settings['tls']>, base: string): TlsFiles => ({
  certFile: resolve(base, certFile),
  keyFile: resolve(base, keyFile),
  ...(clientCaFile === undefined ? {} : { clientCaFile: resolve(base, clientCaFile) }),
})

function databaseOf(
  { url, urlFile, poolSize }: NonNullable<Settings['database']>, dataDirectory: string, base: string, at: (names: readonly string[]) => string,
): Config['database'] {
  if (url === undefined && urlFile === undefined) return { engine: 'sqlite', path: resolve(dataDirectory, 'claviger.db') }
  if (url !== undefined && urlFile !== undefined) {
    throw new ConfigError(`${at(['database'])}: \`database\` has both \`url\` and \`urlFile\`. Keep one.`)
  }
  if (url !== undefined && hasPassword(url)) {
    throw new ConfigError(`${at(['database', 'url'])}: \`database.url\` has a password in it. Put the whole URL into a file of mode 0600 and name that as \`database.urlFile\`.`)
  }
  const connectionString = url ?? readText(resolve(base, urlFile ?? '')).trim()
  if (!/^postgres(ql)?:\/\//.test(connectionString)) {
    throw new ConfigError(`${at(['database', url === undefined ? 'urlFile' : 'url'])}: a database URL begins with postgres:// (for SQLite, leave \`database\` out).`)
  }
  return { engine: 'postgres', connectionString, poolSize: poolSize ?? 10 }
}

function hasPassword(url: string): boolean {
  if (!URL.canParse(url)) return false
  const parsed = new URL(url)
  return parsed.password !== '' || parsed.searchParams.has('password')
}
