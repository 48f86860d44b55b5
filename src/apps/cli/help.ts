/**
 * Help texts: what it does first, then how, then an example to copy.
 *
 * @module
 */
import type { Command, Help, Option } from 'commander'
import type { OperationSpec } from './operations/catalogue.ts'
import { placeholderOf, type Field } from './operations/fields.ts'
import { namings } from './operations/names.ts'
import { padTo, widthOf, wrap } from './render/text.ts'
import type { Output } from './terminal.ts'

interface OperationHelp {
  readonly spec: OperationSpec
  readonly fields: readonly Field[]
}

interface PlainHelp {
  readonly description?: string
  readonly examples?: readonly string[]
}

const operationHelps = new WeakMap<Command, OperationHelp>()
const plainHelps = new WeakMap<Command, PlainHelp>()

export const setHelp = (command: Command, help: OperationHelp): void => void operationHelps.set(command, help)
export const setPlainHelp = (command: Command, help: PlainHelp): void => void plainHelps.set(command, help)

/** Help is read on a terminal, and gets no easier to read on a very wide one. */
const widthMax = 110
const termMax = 34

interface Row {
  readonly term: string
  readonly text: string
}

export function formatHelp(command: Command, helper: Help, out: Output): string {
  const width = Math.min(out.width, widthMax)
  const operation = operationHelps.get(command)
  const plain = plainHelps.get(command)
  const description = operation?.spec.description ?? plain?.description ?? ''
  const title = command.summary() || command.description()
  const lines = [
    ...(title === '' ? [] : [out.paint('bold', title), '']),
    ...paragraphs(description, width),
    heading(out, 'Usage'),
    ...usage(command, operation, width),
    '',
    ...argumentRows(command, out, width),
    ...commandRows(command, helper, out, width),
    ...flagRows(command, out, width),
    ...exampleLines(operation === undefined ? (plain?.examples ?? []) : [exampleOf(command, operation)], out, width),
    ...(operation === undefined ? [] : [...wrap(permissionLine(operation.spec), width).map((line) => out.paint('dim', line)), '']),
  ]
  return `${lines.join('\n').trimEnd()}\n`
}

const heading = (out: Output, text: string): string => out.paint('bold', text)

/** Lines that are indented already are left alone. */
function paragraphs(text: string, width: number): readonly string[] {
  if (text === '') return []
  return [...text.split('\n').flatMap((line) => (line.startsWith(' ') ? [line] : wrap(line, width))), '']
}

export const nameOf = (command: Command): string => (command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`)

function usage(command: Command, operation: OperationHelp | undefined, width: number): readonly string[] {
  const name = nameOf(command)
  if (command.commands.length > 0) return [`  ${name} ${command.parent === null ? '<noun> <verb>' : '<verb>'} [flags]`]
  const args = command.registeredArguments.map((argument) => (argument.required ? `<${argument.name()}>` : `[${argument.name()}]`))
  const required = (operation?.fields ?? []).filter((field) => field.required && field.part !== 'params').map(flagTerm)
  const [first = '', ...rest] = wrap([name, ...args, ...required.map((term) => term.replaceAll(' ', '\u00a0')), '[flags]'].join(' '), width - 6)
  return [`  ${first}`, ...rest.map((line) => `      ${line}`)].map((line) => line.replaceAll('\u00a0', ' '))
}

const flagTerm = (field: Field): string => (field.kind === 'secret' ? `--${field.flag}-file <file>` : `--${field.flag} <${placeholderOf(field)}>`)

function argumentRows(command: Command, out: Output, width: number): readonly string[] {
  const rows = command.registeredArguments.filter(({ description }) => description !== '')
    .map((argument) => ({ term: argument.required ? `<${argument.name()}>` : `[${argument.name()}]`, text: argument.description }))
  return section('Arguments', rows, out, width)
}

function commandRows(command: Command, helper: Help, out: Output, width: number): readonly string[] {
  const groups = new Map<string, Row[]>()
  for (const each of helper.visibleCommands(command)) {
    const group = each.helpGroup() || 'Commands'
    groups.set(group, [...(groups.get(group) ?? []), { term: each.name(), text: each.summary() }])
  }
  // One column for all groups: the eye goes down it.
  const termWidth = Math.max(0, ...[...groups.values()].flat().map(({ term }) => widthOf(term)))
  return [...groups].flatMap(([name, rows]) => section(name, rows, out, width, termWidth))
}

function flagRows(command: Command, out: Output, width: number): readonly string[] {
  const own = command.options.filter(({ hidden }) => !hidden)
  const required = new Set((operationHelps.get(command)?.fields ?? []).filter((field) => field.required).map(({ flag }) => `--${flag}`))
  const isRequired = (option: Option): boolean => required.has(option.long ?? '')
  const hidden = new Set(command.options.filter((option) => option.hidden).map(({ long }) => long))
  // The way back stands beside the way there: a policy that is turned on must not look as if it stayed on for ever.
  const term = ({ flags, long }: Option): string => (long !== undefined && hidden.has(long.replace(/^--/, '--no-')) ? `--[no-]${long.slice(2)}` : flags)
  const row = (option: Option): Row => ({ term: term(option), text: `${option.description}${isRequired(option) ? ' Required.' : ''}` })
  if (command.parent === null) return section('Everywhere', own.map(row), out, width)
  const sorted = [...own.filter(isRequired), ...own.filter((option) => !isRequired(option))]
  const isGroup = command.commands.length > 0
  return [
    ...section('Flags', sorted.map(row), out, width),
    ...(isGroup ? [] : [...wrap('Flags that every command has (--json, --quiet, --profile, --url …): `claviger --help`', width).map((line) => out.paint('dim', line)), '']),
  ]
}

function section(title: string, rows: readonly Row[], out: Output, width: number, least = 0): readonly string[] {
  if (rows.length === 0) return []
  const termWidth = Math.min(termMax, Math.max(least, ...rows.map(({ term }) => widthOf(term))))
  const lines = rows.flatMap(({ term, text }) => {
    const [first = '', ...rest] = wrap(text, Math.max(24, width - termWidth - 4))
    const indent = ' '.repeat(termWidth + 4)
    const lead = widthOf(term) > termWidth ? [`  ${term}`, `${indent}${first}`] : [`  ${padTo(term, termWidth)}  ${first}`]
    return [...lead, ...rest.map((line) => indent + line)].map((line) => line.trimEnd())
  })
  return [heading(out, title), ...lines, '']
}

function exampleLines(examples: readonly string[], out: Output, width: number): readonly string[] {
  if (examples.length === 0) return []
  const lines = examples.flatMap((example) => continued(example, width - 4).map((line, index) => (index === 0 ? `  ${out.paint('dim', '$')} ${line}` : `      ${line}`)))
  return [heading(out, examples.length === 1 ? 'Example' : 'Examples'), ...lines, '']
}

/** A command in lines that fit, and that a shell takes as they stand: broken before flags, with `\\`. */
function continued(command: string, width: number): readonly string[] {
  const lines: string[] = []
  for (const part of command.split(/ (?=--)/)) {
    const line = lines.at(-1)
    // Room for the indent of what goes on, and for the ` \\` of what does.
    if (line !== undefined && widthOf(line) + 1 + widthOf(part) <= width - 4) lines[lines.length - 1] = `${line} ${part}`
    else lines.push(part)
  }
  return lines.map((line, index) => (index < lines.length - 1 ? `${line} \\` : line))
}

/** The shortest command that does something, with values to recognise. */
function exampleOf(command: Command, { spec, fields }: OperationHelp): string {
  const valueOf = (field: Field): string => {
    if (field.idPrefix !== null) return namings[field.idPrefix]?.example ?? `${field.idPrefix}_4Fh2kQ9sVbT1xY7z`
    if (field.kind === 'records') return quoted(Object.entries(field.members).map(([name, member]) => `${name}=${exampleText(member.examples?.[0] ?? member.enum?.[0] ?? name)}`).join(','))
    return quoted(field.example ?? (field.kind === 'integer' ? '1' : `My ${(field.path.at(-1) ?? '').replaceAll(/[A-Z]/g, ' $&').toLowerCase()}`))
  }
  // An update needs no one flag, and does nothing without any: the first that can be copied as it stands.
  const change = spec.method === 'PATCH' ? fields.find((field) => field.part === 'body' && (field.kind === 'text' || field.choices !== null)) : undefined
  const words = fields.filter((field) => field.required || field === change).map((field) => {
    if (field.part === 'params') return valueOf(field)
    return field.kind === 'secret' ? `--${field.flag}-file -` : `--${field.flag} ${valueOf(field)}`
  })
  return [nameOf(command), ...words, ...(spec.contentType === null || words.length === 0 ? [] : ['> answer'])].join(' ')
}

const exampleText = (value: unknown): string => (typeof value === 'string' ? value : String(value))
const quoted = (text: string): string => (/^[A-Za-z0-9_.,:/@=-]+$/.test(text) ? text : `'${text}'`)

function permissionLine({ permission, roles }: OperationSpec): string {
  return `Takes the permission ${permission}, which ${roles.length === 1 ? 'the role' : 'the roles'} ${roles.join(', ')} ${roles.length === 1 ? 'has' : 'have'}.`
}
