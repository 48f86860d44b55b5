/**
 * Secrets that come in: from a file, a descriptor, standard input or a hidden prompt, never from an argument, which the
 * process list and the shell's history show to others.
 *
 * @module
 */
import { parseToken, tokenPattern } from '@claviger/verifier'
import { read } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Secret } from '#core/base/secret'
import { CliError, usageError } from './exit.ts'
import { errorCode } from './private-file.ts'
import type { Terminal } from './terminal.ts'

/** Far more than any credential; a wrong file is told, not read into memory. */
const secretMaxLength = 4096

/** Where one secret is to come from. */
export interface SecretSource {
  readonly file?: string | undefined
  readonly fd?: string | undefined
}

/**
 * Refuses arguments in which a key stands, before anything else looks at them. They are not repeated.
 *
 * @throws CliError usage
 */
export function refuseSecretsIn(args: readonly string[]): void {
  const pattern = new RegExp(tokenPattern())
  for (const argument of args) {
    const token = pattern.exec(argument)?.[0]
    if (token === undefined) continue
    const id = parseToken(token)?.id
    throw usageError(
      'A secret stands in the arguments, so nothing was done.',
      'Other users see arguments in the process list, and your shell keeps them in its history.',
      'Pass it by a file (`--key-file FILE`, `--credential-file FILE`), a descriptor, standard input (`-`) or the prompt.',
      id === undefined ? 'Consider it exposed.' : `Consider it exposed: \`claviger keys revoke key_${id} --reason key-compromise\`.`,
    )
  }
}

/** Reads a secret. @throws CliError usage */
export async function readSecret(terminal: Terminal, what: string, flag: string, source: SecretSource): Promise<Secret> {
  if (source.file !== undefined && source.fd !== undefined) throw usageError(`--${flag}-file and --${flag}-fd are two ways to say one thing; choose one.`)
  if (source.file !== undefined) return source.file === '-' ? readStandardInput(terminal, what) : readFile(source.file)
  if (source.fd !== undefined) return readFrom(descriptorOf(source.fd, flag), `Descriptor ${source.fd}`)
  if (!terminal.canAsk) throw usageError(`Where is the ${what}? Use --${flag}-file FILE, --${flag}-file - for standard input, or --${flag}-fd N.`)
  return ask(what)
}

/** Typed on a terminal it would be seen, so there it is asked for. */
const readStandardInput = (terminal: Terminal, what: string): Promise<Secret> =>
  process.stdin.isTTY && terminal.canAsk ? ask(what) : readFrom(0, 'Standard input')

function descriptorOf(text: string, flag: string): number {
  if (!/^[0-9]{1,4}$/.test(text)) throw usageError(`--${flag}-fd takes the number of an open descriptor.`)
  return Number(text)
}

export async function readFile(path: string): Promise<Secret> {
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (error) {
    throw usageError(errorCode(error) === 'ENOENT' ? `There is no file ${path}.` : `${path} cannot be read (${errorCode(error) ?? 'unknown'}).`)
  }
  try {
    return await readFrom(handle.fd, path)
  } finally {
    await handle.close()
  }
}

/** Not synchronously: while one waits for somebody to type or write, Ctrl-C must still be heard. */
async function readFrom(descriptor: number, name: string): Promise<Secret> {
  const buffer = Buffer.alloc(secretMaxLength + 1)
  let length = 0
  try {
    for (let count = -1; count !== 0 && length < buffer.length; length += count) count = await readChunk(descriptor, buffer, length, name)
    const text = buffer.toString('utf8', 0, length).replace(/\r?\n$/, '')
    if (length > secretMaxLength || /[\r\n]/.test(text)) throw usageError(`${name} holds more than one line; a secret is one.`)
    if (text === '') throw usageError(`${name} is empty.`)
    return new Secret(text)
  } finally {
    buffer.fill(0)
  }
}

const readBytes = promisify(read)

async function readChunk(descriptor: number, buffer: Buffer, at: number, name: string): Promise<number> {
  for (;;) {
    try {
      const { bytesRead } = await readBytes(descriptor, buffer, at, buffer.length - at, null)
      return bytesRead
    } catch (error) {
      const code = errorCode(error)
      if (code === 'EOF') return 0
      if (code !== 'EAGAIN') throw usageError(code === 'EBADF' ? `${name} is not open.` : `${name} cannot be read (${code ?? 'unknown'}).`)
      // A descriptor that does not block: there is nothing yet.
      await delay(10)
    }
  }
}

async function ask(what: string): Promise<Secret> {
  const { isCancel, password } = await import('@clack/prompts')
  const answer = await password({ message: `Paste the ${what}`, output: process.stderr, validate: (text) => ((text ?? '') === '' ? 'It is empty.' : undefined) })
  if (isCancel(answer)) throw new CliError('interrupted', 'Nothing was done.')
  return new Secret(answer.trim())
}
