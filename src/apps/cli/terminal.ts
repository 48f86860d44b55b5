/**
 * Where output goes, and what can be shown there.
 *
 * @module
 */
import { writeSync } from 'node:fs'
import { styleText } from 'node:util'
import { visible, wrap } from './render/text.ts'

export type Style = Parameters<typeof styleText>[0]

/** One output: a terminal of some width, or a pipe or file, which get plain text for programs. */
export interface Output {
  readonly isTerminal: boolean
  /** Columns; what text is wrapped to where there is no terminal. */
  readonly width: number
  write(text: string | Uint8Array): void
  line(text?: string): void
  /** Text in a style, where the output shows colours. */
  paint(style: Style, text: string): string
}

export interface Terminal {
  readonly out: Output
  readonly err: Output
  /** Whether questions can be asked. */
  readonly canAsk: boolean
}

export interface TerminalOptions {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly noColor: boolean
}

const defaultWidth = 80
const narrowestWidth = 20

/**
 * @remarks `CLAVIGER_FORCE_TTY=<columns>` treats pipes as a terminal of that width: to see, or test, what a terminal would show.
 */
export function openTerminal({ environment, noColor }: TerminalOptions): Terminal {
  const forced = Number(environment['CLAVIGER_FORCE_TTY'] ?? 0)
  const colours = !noColor && (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb'
  const output = (stream: NodeJS.WriteStream): Output => {
    const isTerminal = stream.isTTY || forced > 0
    const width = forced > 0 ? forced : (stream.columns ?? Number(environment['COLUMNS'] ?? defaultWidth))
    return {
      isTerminal,
      width: Math.max(narrowestWidth, Number.isFinite(width) && width > 0 ? width : defaultWidth),
      write: (text) => void stream.write(text),
      line: (text = '') => void stream.write(`${text}\n`),
      paint: (style, text) => (isTerminal && colours ? styleText(style, text, { validateStream: false }) : text),
    }
  }
  return { out: output(process.stdout), err: output(process.stderr), canAsk: process.stdin.isTTY && process.stderr.isTTY }
}

/** One line to whoever sits there: `note: …`. */
export const note = ({ err }: Terminal, text: string): void => remark(err, 'cyan', 'note: ', text)

export const warn = ({ err }: Terminal, text: string): void => remark(err, 'yellow', 'warning: ', text)

function remark(err: Output, style: Style, lead: string, text: string): void {
  const [first = '', ...rest] = wrap(visible(text), err.width - lead.length)
  err.line(`${err.paint(style, lead.trimEnd())} ${first}`)
  for (const line of rest) err.line(' '.repeat(lead.length) + line)
}

/** Before the process ends by a signal: nothing waits for streams then. */
export function lastWords(text: string): void {
  try {
    writeSync(2, `${text}\n`)
  } catch {
    // Nobody is there to read it.
  }
}
