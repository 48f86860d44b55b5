/**
 * Queries, read strictly: every name once, every value well-formed, nothing that is not declared.
 *
 * @module
 */
import type { TObject } from 'typebox'
import { invalidInput } from './validation.ts'

type Value = string | number | boolean

const decimal = /^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,9})?$/
// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const controlCharacter = /[\u0000-\u001f\u007f]/

/** How a parameter's text becomes the type that its schema names. Anything else stays text, which the schema refuses. */
const readers: Readonly<Record<string, (text: string) => Value>> = {
  integer: (text) => (decimal.test(text) ? Number(text) : text),
  number: (text) => (decimal.test(text) ? Number(text) : text),
  boolean: (text) => (text === 'true' ? true : text === 'false' ? false : text),
}

/**
 * A reader for the queries of one operation. It converts numbers and booleans, and leaves the rest to the schema.
 *
 * @returns from the text after the question mark to its parameters. @throws Fault http/invalid-input
 */
export function createQueryReader(schema: TObject | undefined, paramsMax: number): (text: string) => Record<string, Value> {
  const types = new Map(Object.entries(schema?.properties ?? {}).map(([name, field]) => [name, 'type' in field ? String(field.type) : 'string']))
  return (text) => {
    const query: Record<string, Value> = {}
    if (text === '') return query
    const pairs = text.split('&', paramsMax + 1)
    if (pairs.length > paramsMax) throw invalidInput([{ pointer: 'query', detail: `Must have at most ${paramsMax} parameters.` }])
    for (const pair of pairs) {
      const equals = pair.indexOf('=')
      const name = decoded(equals === -1 ? pair : pair.slice(0, equals))
      const type = types.get(name)
      if (type === undefined) throw invalidInput([{ pointer: 'query', detail: 'Has a parameter that is not known here.' }])
      if (Object.hasOwn(query, name)) throw invalidInput([{ pointer: `query.${name}`, detail: 'Must stand there only once.' }])
      const value = decoded(equals === -1 ? '' : pair.slice(equals + 1))
      query[name] = readers[type]?.(value) ?? value
    }
    return query
  }
}

/** Percent-encoding as forms write it (WHATWG URL §5.1): a plus is a space. */
function decoded(text: string): string {
  let plain: string
  try {
    plain = decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw invalidInput([{ pointer: 'query', detail: 'Must be percent-encoded UTF-8.' }])
  }
  if (hasControlCharacter(plain)) throw invalidInput([{ pointer: 'query', detail: 'Must not have control characters.' }])
  return plain
}

export const hasControlCharacter = (text: string): boolean => controlCharacter.test(text)
