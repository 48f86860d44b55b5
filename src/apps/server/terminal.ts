/**
 * What a person sees: a few calm lines at the start, and log lines that can be read.
 *
 * @module
 */
import { relative } from 'node:path'
import { styleText } from 'node:util'
import type { DestinationStream } from 'pino'

type Style = Parameters<typeof styleText>[0]

/** Colours where the stream is a terminal that wants them (NO_COLOR and the like are heeded by Node). */
const paint = (style: Style, text: string): string => styleText(style, text, { stream: process.stdout })

/** What `announce` tells. */
export interface Announcement {
  readonly version: string
  readonly url: string
  readonly dataDirectory: string
  readonly database: 'sqlite' | 'postgres'
  readonly rootKeyFile: string
  /** Where the first owner's credential lies; null once it was put away. */
  readonly credentialFile: string | null
  readonly exampleApi: boolean
  /** Whether the CLI finds this server and the credential by itself. */
  readonly isDefault: boolean
}

export function announce(told: Announcement): string {
  const row = (name: string, value: string): string => `  ${paint('dim', name.padEnd(11))} ${value}`
  const lines = [
    '',
    `  ${paint('bold', 'Claviger')} ${told.version}`,
    '',
    row('Listening', `${paint(['bold', 'cyan'], told.url)}   reference at ${told.url}/docs`),
    row('Data', `${here(told.dataDirectory)}   ${told.database === 'sqlite' ? 'SQLite, embedded' : 'PostgreSQL'}`),
    row('Root key', `${here(told.rootKeyFile)}   ${paint('yellow', 'a file: fine to try; keep a copy elsewhere')}`),
  ]
  if (told.credentialFile !== null) lines.push(row('Owner', `${here(told.credentialFile)}   the first credential (0600)`), row('', 'Delete it once it is put away.'))
  if (told.credentialFile !== null && told.exampleApi) lines.push(...tryIt(told.isDefault ? '' : ` --url ${told.url} --credential-file ${here(told.credentialFile)}`))
  return `${lines.join('\n')}\n\n`
}

/** @param where flags that say which server, where it is not the one that the CLI takes by itself */
const tryIt = (where: string): readonly string[] => [
  '',
  '  Try it, in another terminal: issue a key, verify it, revoke it.',
  '',
  ...tryLines.map((line) => `    ${paint('cyan', line + where)}`),
]

/** The three lines of a first start; the tests run them as they stand. */
export const tryLines: readonly string[] = [
  './claviger keys create --environment demo/development --name first --permissions demo:read --secret-file first.key',
  './claviger keys verify --key-file first.key --permissions.all demo:read',
  './claviger keys revoke @first.key --reason unspecified',
]

function here(path: string): string {
  const from = relative(process.cwd(), path)
  return from === '' ? '.' : from.startsWith('..') ? path : `./${from}`
}

const levels: Readonly<Record<string, Style>> = { error: 'red', warn: 'yellow', info: 'green', debug: 'dim' }
const shownApart = new Set(['time', 'level', 'msg', 'err'])

/** Log lines for a terminal: time, level, message, fields. Elsewhere they stay JSON, one object a line. */
export const terminalLog: DestinationStream = {
  write(line) {
    const { time, level, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown> & { err?: { message?: string; stack?: string } }
    const rest = Object.entries(fields).filter(([name]) => !shownApart.has(name)).map(([name, value]) => `${paint('dim', `${name}=`)}${typeof value === 'string' ? value : JSON.stringify(value)}`)
    const clock = String(time).slice(11, 23)
    const stack = err?.stack === undefined ? '' : `\n${paint('dim', err.stack)}`
    process.stdout.write(`  ${paint('dim', clock)} ${paint(levels[String(level)] ?? 'dim', String(level).padEnd(5))} ${String(msg)} ${rest.join(' ')}${stack}\n`)
  },
}
