/**
 * Logs: JSON lines for operators.
 *
 * Invariant T1: no secret reaches a line. Three nets hang under each other: members named like a field that a schema
 * marks secret, and credential headers, are dropped; `Secret` values print as `[secret]`; and whatever still looks like
 * a token when the line is written is masked.
 *
 * @module
 */
import { tokenPattern } from '@claviger/verifier'
import { pino, type DestinationStream, type Level } from 'pino'

/** What the program logs with. Levels: `error` needs a person, `warn` may, `info` tells of writes, `debug` of reads. */
export interface Logger {
  error(fields: object, message: string): void
  warn(fields: object, message: string): void
  info(fields: object, message: string): void
  debug(fields: object, message: string): void
  isLevelEnabled(level: LogLevel): boolean
}

export type LogLevel = Extract<Level, 'error' | 'warn' | 'info' | 'debug'>

export interface LoggerOptions {
  readonly level: LogLevel
  /** Names of the fields that the schemas mark as secret; see `secretFieldsOf`. */
  readonly secretFields: ReadonlySet<string>
  /** Standard output when absent. */
  readonly destination?: DestinationStream
}

const credentialHeaders = ['authorization', 'proxy-authorization', 'cookie', 'set-cookie']
const depthMax = 8

export function createLogger({ level, secretFields, destination }: LoggerOptions): Logger {
  const dropped = new Set([...credentialHeaders, ...[...secretFields].map((name) => name.toLowerCase())])
  const tokens = new RegExp(tokenPattern(), 'g')
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => withoutMembers(fields, dropped, 0) as Record<string, unknown>,
      },
      // Errors were written out above; written out once more, their type would be lost.
      serializers: { err: (fields: unknown) => fields },
      hooks: { streamWrite: (line) => line.replace(tokens, '[token]') },
    },
    destination ?? pino.destination({ fd: 1, sync: false }),
  )
}

function withoutMembers(value: unknown, dropped: ReadonlySet<string>, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth > depthMax) return '[deeper]'
  if (value instanceof Error) return withoutMembers(pino.stdSerializers.err(value), dropped, depth)
  if (Array.isArray(value)) return value.map((element: unknown) => withoutMembers(element, dropped, depth + 1))
  // Before `toJSON`: a Buffer's tells every byte.
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if ('toJSON' in value) return value
  const kept: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(value)) {
    if (!dropped.has(name.toLowerCase())) kept[name] = withoutMembers(member, dropped, depth + 1)
  }
  return kept
}
