/**
 * The command of one operation.
 *
 * @module
 */
import { Option, type Command } from 'commander'
import { usageError } from '../exit.ts'
import { setHelp } from '../help.ts'
import type { OperationSpec } from '../operations/catalogue.ts'
import { fieldsOf, placeholderOf, type Field } from '../operations/fields.ts'
import type { Typed } from '../operations/input.ts'
import { namings } from '../operations/names.ts'
import type { OperationOptions } from '../operations/run-operation.ts'
import type { SecretSource } from '../secret-input.ts'
import type { Program } from '../command-program.ts'

const another = (text: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), text]

/** Adds the command `verb` to that of its noun. */
export function addOperation(noun: Command, verb: string, spec: OperationSpec, program: Program): void {
  const fields = fieldsOf(spec)
  const params = fields.filter(({ part }) => part === 'params')
  const flags = fields.filter(({ part }) => part !== 'params')
  const command = noun.command(verb).summary(spec.summary)
  const alias = verbAliases[verb]
  if (alias !== undefined) command.alias(alias)
  // Reading your own workspace is what is meant nearly always; taking one away is never meant by default.
  const isOwnByDefault = spec.effect === 'read' && params.length === 1 && params[0]?.idPrefix === 'wsp'
  for (const param of params) command.argument(isOwnByDefault ? `[${param.flag}]` : `<${param.flag}>`, describe(param))
  for (const field of flags) addFlag(command, field)
  addOwnFlags(command, spec, fields)
  setHelp(command, { spec, fields })
  command.action(async (...given: unknown[]) => {
    const { runOperation } = await import('../operations/run-operation.ts')
    program.failing(fields)
    const texts = given.slice(0, params.length).map((each) => (typeof each === 'string' ? each : isOwnByDefault ? 'self' : ''))
    const options: Record<string, unknown> = command.optsWithGlobals()
    const typed = typedOf(params, flags, texts, options)
    program.exitWith(await runOperation(program.session, spec, fields, typed, options as OperationOptions))
  })
}

const verbAliases: Readonly<Record<string, string>> = { list: 'ls', get: 'show' }

export function describe(field: Field): string {
  const also = field.idPrefix === null ? undefined : namings[field.idPrefix]?.also
  const description = field.choices !== null && field.kind !== 'secret' && !field.description.includes(field.choices[0] ?? '') && placeholderOf(field) === 'word'
    ? `${field.description} One of ${field.choices.join(', ')}.`.trim()
    : field.description
  return also === undefined ? description : `${description.replace(/\.$/, '')}, ${also}.`
}

function addFlag(command: Command, field: Field): void {
  if (field.kind === 'secret') return addSecretFlags(command, field)
  for (const name of [field.flag, ...field.aliases]) {
    const isAlias = name !== field.flag
    if (field.kind === 'boolean') {
      command.addOption(new Option(`--${name}`, describe(field)).hideHelp(isAlias))
      command.addOption(new Option(`--no-${name}`, 'The opposite.').hideHelp())
    } else command.addOption(new Option(`--${name} <${placeholderOf(field)}>`, describe(field)).argParser(another).hideHelp(isAlias))
  }
}

function addSecretFlags(command: Command, { flag, description }: Field): void {
  command.addOption(new Option(`--${flag}-file <file>`, `${description} In a file; - is standard input. Without it you are asked.`))
  command.addOption(new Option(`--${flag}-fd <n>`, 'The same, from an open descriptor.'))
  command.addOption(new Option(`--${flag} [text]`).hideHelp().argParser(() => {
    throw usageError(`There is no --${flag}: a secret in the arguments shows in the process list and the shell's history.`, `Use --${flag}-file FILE, --${flag}-file - for standard input, --${flag}-fd N, or the prompt.`)
  }).preset(''))
}

function addOwnFlags(command: Command, spec: OperationSpec, fields: readonly Field[]): void {
  const clearable = fields.filter(({ nullable }) => nullable)
  if (spec.input.body !== undefined) command.addOption(new Option('--body-file <file>', 'The whole body as JSON; - is standard input. Flags go over it.'))
  if (clearable.length > 0) command.addOption(new Option('--clear <flag>', `Set to null: ${clearable.map(({ flag }) => flag).join(', ')}.`).argParser(another))
  if (spec.input.query?.properties?.['cursor'] !== undefined) command.addOption(new Option('--all', 'The whole list, page after page.'))
  if (spec.heedsIfMatch) command.addOption(new Option('--if-match <version>', 'Only if it is still at this version.'))
  if (spec.contentType !== null) command.addOption(new Option('--output <file>', 'Write the answer to a file.'))
  if (JSON.stringify(spec.output).includes('"x-claviger-secret":true')) {
    command.addOption(new Option('--secret-file <file>', 'Write the secret to a new file that only you can read, and print it nowhere.'))
  }
  if (spec.effect === 'write') command.addOption(new Option('--idempotency-key <text>', 'Repeat an earlier command without a second effect.').hideHelp())
}

/** The attribute under which commander keeps an option. */
const attributeOf = (name: string): string => new Option(`--${name} <value>`).attributeName()

function typedOf(params: readonly Field[], flags: readonly Field[], args: readonly string[], options: Readonly<Record<string, unknown>>): Typed {
  const texts = new Map<Field, readonly string[]>(params.map((param, index) => [param, [args[index] ?? '']]))
  const secrets = new Map<Field, SecretSource>()
  for (const field of flags) {
    if (field.kind === 'secret') secrets.set(field, { file: textAt(options, `${field.flag}-file`), fd: textAt(options, `${field.flag}-fd`) })
    const given = [field.flag, ...field.aliases].map((name) => options[attributeOf(name)]).filter((value) => value !== undefined)
    if (given.length > 1) throw usageError(`--${field.flag} and --${field.aliases.join(', --')} are one; give one of them.`)
    const [value] = given
    if (typeof value === 'boolean') texts.set(field, [String(value)])
    else if (Array.isArray(value)) texts.set(field, value as readonly string[])
  }
  return { texts, secrets, clear: (options['clear'] as readonly string[] | undefined) ?? [], bodyFile: textAt(options, 'body-file') }
}

function textAt(options: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = options[attributeOf(name)]
  return typeof value === 'string' ? value : undefined
}
