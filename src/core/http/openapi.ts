/**
 * The OpenAPI 3.1 description of the operations, derived from their declarations.
 *
 * @module
 */
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import type { FastifySchema } from 'fastify'
import { Type, type TSchema } from 'typebox'
import { faultCatalogue } from '#core/base/fault'
import { commonFaults } from './common-faults.ts'
import type { AnyOperation } from './operation.ts'
import type { Route } from './route.ts'
import { exactly } from './schema.ts'

export interface OpenapiInfo {
  readonly title: string
  readonly version: string
  readonly description: string
}

/** RFC 9457, with our members. */
const problemSchema = Type.Object({
  type: Type.String({ description: 'A page that this server serves: what it means, why it happens, what to do.' }),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.Optional(Type.String()),
  code: Type.String({ description: 'Stable. Compare this, never the texts.' }),
  instance: Type.String({ description: 'Names this request, for whoever reads the log. Of failures alike the log names one a second.' }),
  errors: Type.Optional(Type.Array(exactly({ pointer: Type.String(), detail: Type.String() }))),
})

/** Faults of the rooms below that stop a start, or belong to addresses and not to operations. */
const neverAnswered: ReadonlySet<string> = new Set([
  'http/no-such-route', 'http/method-not-allowed', 'storage/too-new', 'storage/missing', 'storage/migration-changed', 'crypto/root-key-refused', 'crypto/root-key-damaged',
])
const ofWrites: ReadonlySet<string> = new Set(['http/idempotency-mismatch', 'storage/full', 'storage/conflict', 'audit/entry-too-large'])
const ofBodies: ReadonlySet<string> = new Set(['http/malformed-json', 'http/unsupported-media-type', 'http/body-too-large'])

/** What an operation may answer without saying so: the pipeline's own faults, and those of the rooms below. */
const unsaidFaultsOf = ({ effect, input }: AnyOperation): readonly string[] =>
  commonFaults().filter((code) => !neverAnswered.has(code) && (effect === 'write' || !ofWrites.has(code)) && (input.body !== undefined || !ofBodies.has(code)))

/** Options for @fastify/swagger. A route is described by its `config.document`; one without is left out. */
export const swaggerOptions = (info: OpenapiInfo): FastifyDynamicSwaggerOptions => ({
  openapi: {
    openapi: '3.1.0',
    info: { ...info, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'A key of the built-in API `claviger`.' } },
      schemas: { Problem: { ...problemSchema } },
    },
    security: [{ bearer: [] }],
  },
  transform: ({ url, route }) => {
    const { document } = (route.config ?? {}) as RouteConfig
    return document === undefined ? { url, schema: { hide: true } } : document
  },
})

type OpenapiSchema = FastifySchema & Readonly<Record<`x-claviger-${string}`, unknown>>

/** What a route of Fastify's carries for this. */
export interface RouteConfig {
  readonly document?: { readonly url: string; readonly schema: OpenapiSchema }
}

/** One operation as Fastify describes routes, which is what @fastify/swagger reads. */
export const documentOf = (route: Route): NonNullable<RouteConfig['document']> => ({
  url: route.operation.http.slice(route.method.length + 1).replace('*}', '}'),
  schema: schemaOf(route),
})

function schemaOf({ operation, heedsIfMatch }: Route): OpenapiSchema {
  const { input } = operation
  return {
    operationId: operation.id,
    summary: operation.summary,
    description: operation.description,
    tags: [operation.id.slice(0, operation.id.indexOf('.'))],
    security: [{ bearer: [] }],
    ...(input.params === undefined ? {} : { params: input.params }),
    ...(input.query === undefined ? {} : { querystring: input.query }),
    ...(input.body === undefined ? {} : { body: input.body }),
    headers: exactly(headersOf(operation, heedsIfMatch)),
    response: responsesOf(operation),
    'x-claviger-permission': operation.permission,
    'x-claviger-existence': operation.existence,
    'x-claviger-roles': operation.roles,
    'x-claviger-criticality': operation.criticality,
    'x-claviger-effect': operation.effect,
    ...(operation.effect === 'write' ? { 'x-claviger-event': operation.event, 'x-claviger-takes-away': operation.takesAway } : {}),
    'x-claviger-faults': [...operation.faults],
  }
}

function headersOf(operation: AnyOperation, heedsIfMatch: boolean): Record<string, TSchema> {
  return {
    ...(operation.effect === 'read' ? {} : {
      'Idempotency-Key': Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: 'Sent again within 24 hours, the request has no second effect; secrets are not repeated.' })),
    }),
    ...(heedsIfMatch ? { 'If-Match': Type.Optional(Type.String({ description: 'The `ETag` that you read; refused with 412 when it has changed since.', examples: ['"3"'] })) } : {}),
  }
}

function responsesOf(operation: AnyOperation): Record<string, unknown> {
  const [status, contentType] = [operation.effect === 'read' ? 200 : operation.status, operation.contentType ?? 'application/json']
  const responses: Record<string, unknown> = { [status]: { description: 'Done.', content: { [contentType]: { schema: operation.output } } } }
  for (const [problemStatus, codes] of faultsByStatus([...unsaidFaultsOf(operation), ...operation.faults])) {
    const description = codes.map((code) => `[\`${code}\`](/errors/${code}) ${faultCatalogue.get(code)?.title ?? ''}`).join('  \n')
    responses[problemStatus] = { description, content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } }
  }
  return responses
}

function faultsByStatus(codes: readonly string[]): ReadonlyMap<number, readonly string[]> {
  const byStatus = new Map<number, string[]>()
  for (const code of new Set(codes)) {
    const status = faultCatalogue.get(code)?.status
    if (status !== undefined) byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return byStatus
}
