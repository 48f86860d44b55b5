/**
 * From an answer to what is shown of it.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import { verdicts } from '@claviger/verifier'
import { secretFieldsOf } from '#core/telemetry/redact'
import { parseJson, type Answer } from '../client.ts'
import { CliError, exitCodes } from '../exit.ts'
import { errorCode, type SecretFile } from '../private-file.ts'
import { writeRecord } from '../render/record.ts'
import { visible, visibleJson, words, wrap } from '../render/text.ts'
import { idOfItem, type Item } from '../render/values.ts'
import { warn, type Output, type Terminal } from '../terminal.ts'
import type { OperationSpec } from './catalogue.ts'

export interface Showing {
  readonly json: boolean
  readonly quiet: boolean
  readonly output: string | undefined
  readonly secretFile: SecretFile | null
  readonly secretFileName: string | undefined
}

/** The names of the secrets that an operation answers with. */
export const secretsOf = (spec: OperationSpec): readonly string[] => [...secretFieldsOf(spec.output)]

/** Whether the answer is a verdict: data, and yet a yes or no. */
const isVerdict = (spec: OperationSpec): boolean => spec.output.properties?.['valid']?.type === 'boolean' && spec.output.properties['code'] !== undefined

/** @returns the exit code */
export function showAnswer(terminal: Terminal, spec: OperationSpec, answer: Answer, showing: Showing, nowMs: number): number {
  if (spec.contentType !== null) return showBytes(terminal, answer, showing)
  const value = inOrder(parseJson(answer.body) as Item, spec)
  const secrets = secretsOf(spec).filter((name) => typeof value[name] === 'string')
  if (secretsOf(spec).length > 0 && secrets.length === 0) throw lostSecret(value, showing)
  const [secretName] = secrets
  const secret = secretName === undefined ? null : String(value[secretName])
  if (secret !== null) showing.secretFile?.keep(secret)
  const isKept = showing.secretFile !== null
  const shown = secretName === undefined || (showing.json && !isKept) ? value : without(value, secretName)
  if (showing.json) writeJson(terminal.out, shown, answer.body, shown === value)
  else if (isVerdict(spec)) showVerdict(terminal.out, value, showing.quiet, nowMs)
  else if (showing.quiet) terminal.out.line(visible(idOfItem(value)))
  else writeRecord(terminal.out, shown, nowMs)
  if (secret !== null) tellSecret(terminal, secretName ?? '', secret, showing)
  if (spec.takesAway && !showing.quiet) tellEntry(terminal.err, answer)
  return isVerdict(spec) && value['valid'] !== true ? exitCodes.negative.code : exitCodes.ok.code
}

/** Members as they were declared: a repeated answer comes in canonical order, and the first id is what names the thing. */
function inOrder(value: Item, { output }: OperationSpec): Item {
  const declared = Object.keys(output.properties ?? {}).filter((name) => name in value)
  return Object.fromEntries([...new Set([...declared, ...Object.keys(value)])].map((name) => [name, value[name]]))
}

/** As the API said it; on a terminal in lines. What would command a terminal, there or wherever it is shown later, is escaped. */
export function writeJson(out: Output, value: unknown, raw: Buffer | null, isWhole: boolean): void {
  if (out.isTerminal) out.line(visibleJson(JSON.stringify(value, null, 2)))
  else out.line(visibleJson(isWhole && raw !== null ? raw.toString('utf8') : JSON.stringify(value)))
}

function without(item: Item, name: string): Item {
  const { [name]: _secret, ...rest } = item
  return rest
}

/** The secret stands alone, so that it can be selected with one double click and found by whoever reads along. */
function tellSecret({ out, err }: Terminal, name: string, secret: string, { json, quiet, secretFile, secretFileName }: Showing): void {
  if (secretFile !== null) {
    const text = `The ${words(name)} is in ${visible(secretFileName ?? '')}, readable by you alone. Nothing can read it back from Claviger.`
    if (!quiet) for (const line of wrap(text, err.width)) err.line(line)
    return
  }
  if (!json && out.isTerminal) out.line(`\n  ${out.paint('bold', secret)}\n`)
  else if (!json) out.line(`${name}\t${secret}`)
  const text = `This ${words(name)} is shown this once. Nothing can read it back: keep it now, or revoke it and make another.`
  for (const line of wrap(text, err.width)) err.line(err.paint('yellow', line))
}

/** What was taken away is asked about later: the entry is what proves when. */
function tellEntry(err: Output, { headers }: Answer): void {
  const entryId = headers['claviger-audit-entry']
  if (typeof entryId !== 'string') return
  for (const line of wrap(`Audit entry ${visible(entryId)}; its receipt: claviger audit get-receipt ${visible(entryId)}`, err.width)) err.line(err.paint('dim', line))
}

/** A repeated creation answers with the thing, without its secret: the first answer was lost on its way. */
function lostSecret(value: Item, { secretFile }: Showing): CliError {
  secretFile?.discard()
  const id = idOfItem(value)
  return new CliError('failed', `${id} was made, but the connection was lost before its secret arrived, and it is not told twice.`, [
    `Revoke it and make another: claviger keys revoke ${id} --reason superseded`,
  ])
}

function showVerdict(out: Output, value: Item, quiet: boolean, nowMs: number): void {
  if (quiet) return
  const { valid, code, ...rest } = value
  if (!out.isTerminal) {
    writeRecord(out, value, nowMs)
    return
  }
  const title = (verdicts as Readonly<Record<string, { readonly title: string }>>)[String(code)]?.title ?? ''
  out.line(valid === true ? out.paint(['bold', 'green'], 'valid') : `${out.paint(['bold', 'red'], 'refused')}  ${visible(String(code))}: ${title}`)
  // Of a key that is not known there is nothing more to say.
  const known = Object.fromEntries(Object.entries(rest).filter(([, member]) => member !== null && !(Array.isArray(member) && member.length === 0)))
  if (Object.keys(known).length > 0) writeRecord(out, known, nowMs)
}

function showBytes(terminal: Terminal, { body, headers }: Answer, { output }: Showing): number {
  if (output !== undefined && output !== '-') {
    writeOutput(output, body)
    return exitCodes.ok.code
  }
  const isText = (headers['content-type'] ?? '').startsWith('text/')
  if (terminal.out.isTerminal && !isText) {
    throw new CliError('usage', `The answer is ${body.length} bytes that a terminal cannot show.`, ['Write them to a file with --output FILE, or into a pipe.'])
  }
  terminal.out.write(body)
  if (isText && body.length === 0) warn(terminal, 'the answer is empty')
  return exitCodes.ok.code
}

function writeOutput(file: string, body: Buffer): void {
  try {
    writeFileSync(file, body)
  } catch (error) {
    throw new CliError('failed', `${file} cannot be written (${errorCode(error) ?? 'unknown'}).`)
  }
}
