/** Schema pieces that every capability's inputs and outputs are made of. */
import { tokenPattern } from '@claviger/verifier'
import { Type, type TSchema } from 'typebox'
import { idPattern, idPrefixes, type IdPrefix } from '#core/base/id'
import { secretMark } from '#core/telemetry/redact'

/** What a `pattern` demands, in words that fit behind "Must be": a regular expression says little to most people. */
export const formMark = 'x-claviger-form'

export const secretString = (options: { description: string; maxLength: number }) => Type.String({ ...options, [secretMark]: true })

export const idOf = (prefix: IdPrefix, description = `Id of the ${idPrefixes[prefix]}.`) =>
  Type.String({
    pattern: idPattern(prefix), [formMark]: `${prefix}_ and 16 letters or digits`, minLength: 20, maxLength: 20, description, examples: [`${prefix}_4Fh2kQ9sVbT1xY7z`],
  })

/** One line of visible text: no control characters, no leading or trailing space, no key. */
export const lineOf = (maxLength: number, description: string) =>
  Type.String({
    minLength: 1, maxLength, description,
    // Names are shown and kept in the clear: a key that somebody pasted into the wrong field must not become one.
    pattern: `^(?! )(?!.*${tokenPattern()})[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*(?<! )$`,
    [formMark]: 'one line of visible text, with no space at its ends and no key in it',
  })

/** Lower-case name that stands in addresses and on the command line. */
export const slugOf = (description: string) =>
  Type.String({
    minLength: 2, maxLength: 40, pattern: '^[a-z][a-z0-9]*(-[a-z0-9]+)*$', [formMark]: 'lower-case letters and digits, in words joined by hyphens',
    description, examples: ['market-data'],
  })

/** RFC 3339 in UTC, milliseconds optional, years 2000 to 9999. */
export const timestamp = (description: string) =>
  Type.String({
    pattern: '^[2-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,3})?Z$',
    [formMark]: 'a time in UTC of the years 2000 to 9999, as RFC 3339 writes it',
    maxLength: 24,
    description,
    examples: ['2027-01-31T00:00:00.000Z'],
  })

/** One of a fixed list of words. */
export const oneOf = <const Word extends string>(words: readonly Word[], options: { description?: string } = {}) =>
  Type.Unsafe<Word>({ type: 'string', enum: [...words], ...options })

export const nullable = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])

/** An object that refuses every member it does not name. */
export const exactly = <Properties extends Record<string, TSchema>>(properties: Properties, options: { description?: string; minProperties?: number } = {}) =>
  Type.Object(properties, { ...options, additionalProperties: false })

export const listLimitMax = 200
export const listLimitDefault = 50

/** The query of a list: how many, and from where. */
export const pageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: listLimitMax, default: listLimitDefault, description: 'How many to return.' })),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 512, description: '`nextCursor` of the page before.' })),
}

/** A page of a list. `nextCursor` is null on the last one. */
export const pageOf = <Item extends TSchema>(item: Item) =>
  exactly({ items: Type.Array(item, { maxItems: listLimitMax }), nextCursor: nullable(Type.String()) })
