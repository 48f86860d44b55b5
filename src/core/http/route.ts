/**
 * Routes: operations made ready to be called, everything that can be worked out beforehand worked out.
 *
 * @module
 */
import type { TObject } from 'typebox'
import type { RequestMeter } from '#core/telemetry/metrics'
import { redactorFor } from '#core/telemetry/redact'
import { isCommonFault } from './common-faults.ts'
import { routeOf, type AnyMount, type AnyOperation } from './operation.ts'
import { createQueryReader } from './query.ts'
import { compileCheck, compileTest } from './validation.ts'

type Check = (value: unknown) => void

export interface Route {
  readonly operation: AnyOperation
  /** What its handler wants; paired with the operation by whoever made the mount. */
  readonly services: never
  readonly meter: RequestMeter
  /** A write that takes away: taken on when nothing else is. */
  readonly takesAway: boolean
  readonly method: string
  /** In Fastify's notation. */
  readonly path: string
  readonly paramNames: readonly string[]
  readonly checkParams: Check | null
  readonly readQuery: (text: string) => Record<string, unknown>
  readonly checkQuery: Check | null
  readonly checkBody: Check | null
  readonly isDeclaredOutput: (output: unknown) => boolean
  /** Its output has a `version`, which becomes the `ETag`. */
  readonly hasVersion: boolean
  /** It says that it may answer `http/precondition-failed`, so it heeds `If-Match`. */
  readonly heedsIfMatch: boolean
  readonly mayAnswer: (faultCode: string) => boolean
  readonly withoutSecrets: (output: unknown) => unknown
}

export const routesOf = (mounts: readonly AnyMount[], meterOf: (operation: string) => RequestMeter, queryParamsMax: number): readonly Route[] =>
  mounts.flatMap(({ operations, services }) =>
    operations.map((operation) => routeFor(operation, services, meterOf(operation.id), queryParamsMax)))

function routeFor(operation: AnyOperation, services: unknown, meter: RequestMeter, queryParamsMax: number): Route {
  const { input, output, faults } = operation
  const { method, path, params } = routeOf(operation)
  const declared = new Set(faults)
  return {
    operation,
    // `Mount` checked that these are the services which the operation's handler wants.
    services: services as never,
    meter,
    takesAway: operation.effect === 'write' && operation.takesAway,
    method,
    path,
    paramNames: params,
    checkParams: checkOf(input.params, 'path'),
    readQuery: createQueryReader(input.query, queryParamsMax),
    checkQuery: checkOf(input.query, 'query'),
    checkBody: checkOf(input.body, 'body'),
    isDeclaredOutput: operation.contentType === undefined ? compileTest(output) : isText,
    hasVersion: operation.contentType === undefined && 'properties' in output && 'version' in (output as TObject).properties,
    heedsIfMatch: declared.has('http/precondition-failed'),
    mayAnswer: (code) => declared.has(code) || isCommonFault(code),
    withoutSecrets: redactorFor(output),
  }
}

const checkOf = (schema: TObject | undefined, part: 'path' | 'query' | 'body'): Check | null =>
  schema === undefined ? null : compileCheck(schema, part)

const isText = (output: unknown): boolean => typeof output === 'string' || output instanceof Uint8Array
