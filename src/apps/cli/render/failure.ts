/**
 * Failures, as they are told on standard error.
 *
 * @module
 */
import { Fault } from '#core/base/fault'
import { exitOfProblem, ProblemError, type ProblemBody } from '../client.ts'
import { CliError, exitCodes } from '../exit.ts'
import type { Field } from '../operations/fields.ts'
import type { Output } from '../terminal.ts'
import { visible, wrap } from './text.ts'

/** What is known of the request that failed. */
export interface FailureContext {
  readonly fields: readonly Field[]
  readonly origin: string | null
  /** The profile whose credential was sent; null: none, or one that is being tried. */
  readonly profile: string | null
}

/** Tells what went wrong. @returns the exit code */
export function tellFailure(err: Output, error: unknown, context: FailureContext): number {
  if (error instanceof ProblemError) {
    tellProblem(err, error.problem, context)
    return exitCodes[exitOfProblem(error.problem)].code
  }
  if (error instanceof CliError) {
    tell(err, error.message, error.notes)
    return exitCodes[error.exit].code
  }
  // Of what a command does without a server. Whoever runs it is the operator, so the context is for them.
  if (error instanceof Fault) {
    const { message } = error.context
    tell(err, error.detail, typeof message === 'string' ? [message] : [])
    err.line(err.paint('dim', `  ${error.code}`))
    return exitCodes.failed.code
  }
  tell(err, `Something went wrong in claviger itself: ${error instanceof Error ? error.message : String(error)}`, ['Please report it with the command that led to it.'])
  return exitCodes.failed.code
}

function tell(err: Output, message: string, notes: readonly string[]): void {
  const [first = '', ...rest] = wrap(visible(message), err.width - 'error: '.length)
  err.line(`${err.paint(['bold', 'red'], 'error:')} ${first}`)
  for (const line of rest) err.line(`  ${line}`)
  // What goes on is set in, so that one remark is told from the next.
  for (const text of notes) {
    const [begin = '', ...others] = wrap(visible(text), err.width - 2)
    err.line(`  ${begin}`)
    if (others.length > 0) for (const line of wrap(others.join(' '), err.width - 4)) err.line(`    ${line}`)
  }
}

function tellProblem(err: Output, problem: ProblemBody, { fields, origin, profile }: FailureContext): void {
  const { title, detail, errors = [], code, type, instance } = problem
  const places = errors.map((each) => `${placeOf(each.pointer, fields)}: ${each.detail}`)
  // A detail that only repeats what the places say, or points at them, is left out.
  const repeats = detail === undefined || (errors.length > 0 && (code === 'http/invalid-input' || errors.every((each) => detail.includes(each.detail))))
  const stale = code === 'http/unauthenticated' && profile !== null && origin !== null ? [staleLogin(profile, origin)] : []
  tell(err, title, [...(repeats ? [] : [detail]), ...places, ...stale])
  const page = type !== undefined && type.startsWith('/') && origin !== null ? `${origin}${type}` : (type ?? '')
  err.line(err.paint('dim', `  ${visible(code)}  ${visible(page)}`.trimEnd()))
  if (problem.status >= 500 && instance !== undefined) err.line(err.paint('dim', `  ${visible(instance)}`))
}

/** A remembered credential can be older than the server: whoever starts anew with an empty data directory meets that first. */
const staleLogin = (profile: string, origin: string): string =>
  `Profile \`${profile}\` remembers it for ${origin}. It was revoked, has expired, or is of an instance that is gone. Log in anew: claviger login --profile ${profile} --url ${origin}`

/** From the server's pointer to what was typed: `/permissions/0` is `--permissions` (1st). */
export function placeOf(pointer: string, fields: readonly Field[]): string {
  const [part, path] = partAndPath(pointer)
  if (part === 'header') return `--${path.join('-')}`
  const field = fieldAt(pointer, fields)
  if (field === undefined) {
    const inPart = fields.filter((each) => each.part === part)
    const below = inPart.filter(({ path: own }) => path.every((name, index) => own[index] === name))
    return path.length > 0 && below.length > 0 ? below.map(({ flag }) => `--${flag}`).join(', ') : pointer || 'the body'
  }
  const rest = path.slice(field.path.length)
  const name = field.part === 'params' ? `<${field.flag}>` : `--${field.flag}`
  const [index, ...members] = rest
  if (index === undefined) return name
  return [name, /^[0-9]+$/.test(index) ? `#${Number(index) + 1}` : index, ...members].join(' ')
}

/** The field that a pointer leads to, or into. */
function fieldAt(pointer: string, fields: readonly Field[]): Field | undefined {
  const [part, path] = partAndPath(pointer)
  const above = fields.filter((each) => each.part === part && each.path.every((name, index) => path[index] === name))
  return above.sort((a, b) => b.path.length - a.path.length)[0]
}

function partAndPath(pointer: string): readonly ['params' | 'query' | 'header' | 'body', readonly string[]] {
  if (pointer.startsWith('/') || pointer === '') return ['body', pointer.split('/').slice(1)]
  const [part = '', ...path] = pointer.split('.')
  const parts: Readonly<Record<string, 'params' | 'query' | 'header'>> = { path: 'params', query: 'query', header: 'header' }
  return [parts[part] ?? 'body', path]
}
