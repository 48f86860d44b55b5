/**
 * What holds of the declarations as a whole.
 *
 * @module
 */
import { routeOf } from '#core/http/operation'
import { formMark } from '#core/http/schema'

/** The parts of a declaration that are looked at here. */
export interface Declared {
  readonly id: string
  readonly http: string
  readonly faults: readonly string[]
  readonly effect: 'read' | 'write'
  readonly event?: string
  readonly input: object
}

const repeated = (values: readonly string[]): readonly string[] => [...new Set(values.filter((value, index) => values.indexOf(value) !== index))]

export function uniqueOperations(operations: readonly Declared[]): readonly string[] {
  return [
    ...repeated(operations.map(({ id }) => id)).map((id) => `${id} is declared twice`),
    ...repeated(operations.map(({ http }) => http.replaceAll(/\{[^}]*\}/g, '{}'))).map((http) => `${http} is the address of two operations`),
  ]
}

/** The noun of `keys.create` stands in its address, or the address ends in what the verb is about (`get-self`: `/v1/self`). */
export function speakingAddresses(operations: readonly Declared[]): readonly string[] {
  return operations.flatMap((operation) => {
    const [noun = '', verb = ''] = operation.id.split('.')
    const words = routeOf(operation).path.split('/').filter((part) => part !== '' && part !== 'v1' && !/^[:*]/.test(part))
    const about = (words.at(-1) ?? '').split('-')
    const isNamed = words.includes(noun) || verb.split('-').some((word) => about.includes(word))
    return isNamed ? [] : [`${operation.id}: its address ${operation.http} does not name it`]
  })
}

/** Events are `noun.past-tense`. */
export const eventNames = (operations: readonly Declared[]): readonly string[] =>
  operations.flatMap(({ id, event }) => (event === undefined || /^[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*$/.test(event) ? [] : [`${id}: the event ${event} is not noun.verb`]))

/** No room's operations were forgotten. @param rooms what each capability's door exports */
export function forgottenOperations(operations: readonly Declared[], rooms: ReadonlyMap<string, readonly Declared[] | undefined>): readonly string[] {
  return [...rooms].flatMap(([room, own]) => {
    if (own === undefined) return [`#cap/${room} exports no \`operations\``]
    return own.filter((operation) => !operations.includes(operation)).map(({ id }) => `${id} of #cap/${room} is not in src/apps/operations.ts`)
  })
}

/** A regular expression is for programs; who sends something wrong is told in words what is right. */
export const wordsForPatterns = (operations: readonly Declared[]): readonly string[] =>
  operations.flatMap(({ id, input }) => patternsIn(input).filter(([, form]) => !/^[^.A-Z][^.]{3,}$/.test(form)).map(([pattern]) => `${id}: ${pattern} has no words (formMark)`))

function patternsIn(node: object): readonly (readonly [pattern: string, form: string])[] {
  const { pattern, [formMark]: form } = node as { readonly pattern?: unknown; readonly [formMark]?: unknown }
  const own = typeof pattern === 'string' ? [[pattern, typeof form === 'string' ? form : ''] as const] : []
  const parts = Object.values(node) as readonly unknown[]
  return [...own, ...parts.flatMap((part) => (typeof part === 'object' && part !== null ? patternsIn(part) : []))]
}

/** Only faults that exist are declared. */
export const knownFaults = (operations: readonly Declared[], known: ReadonlySet<string>): readonly string[] =>
  operations.flatMap(({ id, faults }) => faults.filter((code) => !known.has(code)).map((code) => `${id} declares ${code}, which no room defines`))
