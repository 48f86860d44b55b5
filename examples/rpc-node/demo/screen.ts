/** What a person sees of the demo. Colours only on a terminal that wants them. */
import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

const paint = (style: Style, text: string): string => styleText(style, text, { stream: process.stdout })
const say = (line = ''): void => void process.stdout.write(`${line}\n`)

/** Something did not happen as the demo said it would. */
export class DemoFailed extends Error {
  override readonly name = 'DemoFailed'
}

/** The one check of the demo: what it prints as done was seen to be done. */
export function expect(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new DemoFailed(what)
}

let steps = 0

export const screen = {
  title(text: string): void {
    say(`\n  ${paint('bold', text)}`)
  },
  step(text: string): void {
    say(`\n  ${paint('cyan', String(++steps).padStart(2))}  ${paint('bold', text)}`)
  },
  /** Something that happened as it should. */
  done(text: string): void {
    say(`      ${paint('green', '✓')} ${text}`)
  },
  fact(name: string, value: string): void {
    say(`      ${paint('dim', name.padEnd(14))}${value}`)
  },
  note(text: string): void {
    say(`      ${paint('dim', text)}`)
  },
  failed(text: string): void {
    say(`\n      ${paint('red', '✗')} ${text}\n`)
  },
  end(text: string): void {
    say(`\n  ${paint(['bold', 'green'], text)}\n`)
  },
}
