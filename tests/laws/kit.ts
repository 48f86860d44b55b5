/**
 * A kit makes what a law needs to try an operation: targets that exist, and inputs that are valid.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { asId, newId, type IdPrefix } from '#core/base/id'
import type { JsonObject, JsonValue } from '#core/base/json'
import { systemRandom } from '#core/crypto/random'
import type { AnyOperation } from '#core/http/operation'
import { isDone, send, shown } from './exchange.ts'
import { NoSample, nodeOf, objectOf, targetOf, type SchemaNode, type Sources } from './samples.ts'
import type { Request, Subject, Tenant } from './subject.ts'

let numbers = 0

export class Kit {
  readonly subject: Subject
  readonly tenant: Tenant

  constructor(subject: Subject, tenant: Tenant = subject.home) {
    this.subject = subject
    this.tenant = tenant
  }

  /** A number that nobody had before, for names. */
  number(): number {
    return ++numbers
  }

  /** The id of something of that kind, freshly made in the tenant's workspace. */
  target(prefix: IdPrefix): Promise<string> {
    const make = this.subject.recipes.targets[prefix]
    assert.ok(make !== undefined, `the laws do not know how to make a target with the prefix ${prefix}_: add it to \`targets\` in ${this.subject.recipes.file}`)
    return make(this)
  }

  /** Performs an operation as the tenant's owner, with an input of one's own over a valid one. */
  async perform(id: string, input: Partial<Request> = {}): Promise<Readonly<Record<string, JsonValue>>> {
    const operation = this.subject.operations.find((candidate) => candidate.id === id)
    assert.ok(operation !== undefined, `${this.subject.recipes.file} names the operation ${id}, which is not there`)
    const answer = await send(this.subject, operation, await this.drafted(operation, input), { credential: this.tenant.owner })
    assert.ok(isDone(answer), `${this.subject.recipes.file} makes what it needs with ${id}: ${shown(answer)}`)
    return answer.json as JsonObject
  }

  /** An input that the operation takes, about targets of its own. */
  async valid(operation: AnyOperation): Promise<Request> {
    const given = await this.subject.recipes.operations[operation.id]?.(this) ?? {}
    return this.drafted(operation, given)
  }

  private async drafted(operation: AnyOperation, given: Partial<Request>): Promise<Request> {
    const { input } = operation
    try {
      return {
        params: { ...(input.params === undefined ? {} : await this.part(input.params, 'path', given.params)) } as Request['params'],
        query: { ...(input.query === undefined ? {} : await this.part(input.query, 'query', given.query)) },
        body: input.body === undefined ? null : await this.part(input.body, 'body', given.body ?? undefined),
      }
    } catch (error) {
      if (!(error instanceof NoSample)) throw error
      return assert.fail(`the laws cannot think of an input for ${operation.id} (${error.message}): add it to \`operations\` or \`fields\` in ${this.subject.recipes.file}`)
    }
  }

  /** The members that must be there, and those that the recipe says. */
  private async part(schema: object, path: string, given: JsonObject | undefined): Promise<JsonObject> {
    const { properties = {}, required = [] } = nodeOf(schema)
    const missing = required.filter((name) => given?.[name] === undefined)
    return { ...(await objectOf({ properties, required: missing }, path, this.sources)), ...given }
  }

  private readonly sources: Sources = {
    target: (prefix) => this.target(prefix),
    field: (name) => this.subject.recipes.fields[name]?.(this.number()),
  }
}

/** Every place in a request that names a target, by the schemas. */
function targetsIn(operation: AnyOperation, request: Request): readonly { part: keyof Request; name: string; prefix: IdPrefix }[] {
  return (['params', 'query', 'body'] as const).flatMap((part) => {
    const properties: Readonly<Record<string, SchemaNode>> = operation.input[part] === undefined ? {} : (nodeOf(operation.input[part]).properties ?? {})
    return Object.entries(properties).flatMap(([name, node]) => {
      const prefix = targetOf(node)
      return prefix === null || request[part]?.[name] === undefined ? [] : [{ part, name, prefix }]
    })
  })
}

export const namesTargets = (operation: AnyOperation, request: Request): boolean => targetsIn(operation, request).length > 0

/** The same request about targets that do not exist. */
export function missing(operation: AnyOperation, request: Request): Request {
  const changed = { params: { ...request.params }, query: { ...request.query }, body: request.body === null ? null : { ...request.body } }
  for (const { part, name, prefix } of targetsIn(operation, request)) {
    const target: Record<string, JsonValue> | null = changed[part]
    if (target !== null) target[name] = asId(prefix, newId(prefix, systemRandom))
  }
  return changed
}
