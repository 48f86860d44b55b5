/**
 * L4, L7: what comes in is read strictly, and what comes out was declared.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { faultCatalogue } from '#core/base/fault'
import type { JsonObject, JsonValue } from '#core/base/json'
import { isCommonFault } from '#core/http/common-faults'
import type { AnyOperation } from '#core/http/operation'
import { isDone, pathOf, send, shown } from './exchange.ts'
import { Kit } from './kit.ts'
import { spoiled } from './spoiled.ts'
import type { Request, Subject } from './subject.ts'
import { changesNothing } from './world.ts'

/** L0: the laws know an input that the operation takes. Without it the other laws would hold of nothing. */
export async function isTaken(subject: Subject, operation: AnyOperation): Promise<void> {
  const answer = await send(subject, operation, await new Kit(subject).valid(operation))
  assert.ok(isDone(answer), `the input that the laws made for ${operation.id} is refused (${shown(answer)}): say what it takes in \`operations\` of ${subject.recipes.file}`)
}

/** L4: of all that can be sent, nothing brings out a fault that is not declared, a stack, or a 500. */
export async function answersDeclaredFaults(subject: Subject, operation: AnyOperation): Promise<void> {
  for (const code of operation.faults) assert.ok(faultCatalogue.has(code), `${code} is a fault that there is`)
  const kit = new Kit(subject)
  const request = await kit.valid(operation)
  await changesNothing(subject, `${operation.id} with spoiled input`, async () => {
    for (const { what, sending, request: spoilt, mayPass } of spoiled(operation, request)) {
      const answer = await send(subject, operation, spoilt ?? request, sending)
      assert.ok(answer.status < 500, `${what}: ${shown(answer)}`)
      assert.ok(!isDone(answer) || mayPass, `${what} is taken: ${shown(answer)}`)
      if (!isDone(answer)) assertIsProblem(operation, answer.json, what)
    }
  })
}

function assertIsProblem({ id, faults }: AnyOperation, problem: JsonObject | Readonly<Record<string, unknown>>, what: string): void {
  const code = String(problem['code'])
  assert.ok(isCommonFault(code) || faults.includes(code), `${what}: ${id} answers ${code}, which it does not declare`)
  assert.equal(problem['type'], `/errors/${code}`, what)
  assert.ok(!/\bat .*\.(ts|js):\d+/.test(JSON.stringify(problem)), `${what}: a stack is shown`)
}

/** L4, of the whole run: every fault that any request brought out was declared by its operation. */
export function onlyDeclaredCameOut({ journal, operations }: Subject): void {
  const undeclared = [...journal.codes].flatMap(([id, codes]) => {
    const declared = operations.find((operation) => operation.id === id)?.faults ?? []
    return [...codes].filter((code) => !isCommonFault(code) && !declared.includes(code)).map((code) => `${id} answered ${code}`)
  })
  assert.deepEqual(undeclared, [])
}

/** L7: what an operation does not know, it refuses, and repeats no value of it. */
export async function refusesTheUnknown(subject: Subject, operation: AnyOperation): Promise<void> {
  const request = await new Kit(subject).valid(operation)
  const canary = subject.home.owner
  await changesNothing(subject, `${operation.id} with something unknown`, async () => {
    const path = pathOf(operation, request)
    const separator = path.includes('?') ? '&' : '?'
    await refuses(subject, operation, request, 'an unknown parameter', { rawPath: `${path}${separator}unknown=${canary}` }, canary)
    await refuses(subject, operation, request, 'a parameter named like a secret', { rawPath: `${path}${separator}${canary}=1` }, canary)
    if (operation.input.body === undefined) {
      await refuses(subject, operation, { ...request, body: { unknown: canary } }, 'a body where none belongs', {}, canary)
    }
    for (const [where, body] of withUnknown(request.body, canary)) await refuses(subject, operation, { ...request, body }, where, {}, canary)
  })
}

async function refuses(subject: Subject, operation: AnyOperation, request: Request, what: string, sending: { readonly rawPath?: string }, canary: string): Promise<void> {
  const answer = await send(subject, operation, request, sending)
  assert.equal(answer.status, 400, `${what}: ${shown(answer)}`)
  assert.ok(['http/invalid-input', 'http/bad-request'].includes(String(answer.json['code'])), `${what}: ${shown(answer)}`)
  assert.ok(!answer.text.includes(canary), `${what}: the answer repeats it`)
}

/** The body with one member more, at its top and in every object in it. */
function withUnknown(body: JsonObject | null, canary: string): readonly (readonly [where: string, body: JsonObject])[] {
  if (body === null) return []
  const found: (readonly [string, JsonObject])[] = [['an unknown member', { ...body, unknown: canary }], ['a member named like a secret', { ...body, [canary]: 1 }]]
  for (const [name, value] of Object.entries(body)) {
    for (const [where, inner] of withinValue(value, canary)) found.push([`${where} in ${name}`, { ...body, [name]: inner }])
  }
  return found
}

function withinValue(value: JsonValue, canary: string): readonly (readonly [string, JsonValue])[] {
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) {
    const elements = value as readonly JsonValue[]
    return elements.flatMap((element, index) => withinValue(element, canary).map(([where, inner]) => [where, elements.with(index, inner)] as const))
  }
  return withUnknown(value as JsonObject, canary)
}
