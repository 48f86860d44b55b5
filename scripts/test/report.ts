/**
 * What a person sees of a test run.
 *
 * @module
 */
import { availableParallelism } from 'node:os'
import type { Group } from './plan.ts'
import type { Failure, Outcome } from './task.ts'

export interface Report {
  begin(): void
  note(text: string): void
  group(group: Group, outcomes: readonly Outcome[]): void
  /** Prints what failed, what was skipped, and the count. @returns whether all is well */
  end(): boolean
}

const print = (text: string): void => void process.stdout.write(`${text}\n`)
const isTerminal = process.stdout.isTTY && process.env['NO_COLOR'] === undefined
const coloured = (code: number, text: string): string => (isTerminal ? `\u001b[${code}m${text}\u001b[0m` : text)
const [red, green, dim] = [31, 32, 2].map((code) => (text: string) => coloured(code, text)) as [Colour, Colour, Colour]
type Colour = (text: string) => string

export function createReport(): Report {
  const startedMs = performance.now()
  const all: Outcome[] = []
  return {
    begin: () => print(dim(`Node ${process.version}, ${availableParallelism()} cores`)),
    note: (text) => text === '' ? undefined : print(text),
    group(group, outcomes) {
      const total = sumOf(outcomes)
      // A group that lost its tests would otherwise pass for ever.
      if (total.passed + total.failures.length + total.skipped.length === 0) {
        total.failures.push({ name: group.name, place: '', text: 'There is not one test in this group.' })
      }
      all.push(total)
      print(lineOf(group, total))
    },
    end() {
      const { passed, failures, skipped } = sumOf(all)
      for (const failure of failures) print(`\n${red('Failed')}  ${textOf(failure)}`)
      if (skipped.length > 0) print(`\nSkipped\n${skipsOf(skipped)}`)
      print(dim(`\n${secondsOf(performance.now() - startedMs)} in all`))
      print(`${passed} passed, ${failures.length} failed, ${skipped.length} skipped`)
      return failures.length === 0 && passed > 0
    },
  }
}

function sumOf(outcomes: readonly Outcome[]) {
  return {
    passed: outcomes.reduce((sum, { passed }) => sum + passed, 0),
    failures: outcomes.flatMap(({ failures }): Failure[] => [...failures]),
    skipped: outcomes.flatMap(({ skipped }) => skipped),
    durationMs: outcomes.reduce((sum, { durationMs }) => sum + durationMs, 0),
  }
}

function lineOf({ name, tasks }: Group, { passed, failures, skipped, durationMs }: Outcome): string {
  const isTool = tasks[0]?.kind === 'tool'
  const counts = isTool
    ? []
    : [`${passed} passed`, ...(failures.length > 0 ? [red(`${failures.length} failed`)] : []), ...(skipped.length > 0 ? [`${skipped.length} skipped`] : [])]
  return `${failures.length > 0 ? red('✗') : green('✓')} ${name.padEnd(18)} ${secondsOf(durationMs).padStart(8)}  ${counts.join(', ')}`.trimEnd()
}

const secondsOf = (durationMs: number): string => `${(durationMs / 1000).toFixed(1)} s`

/** Paths as one types them. */
const short = (text: string): string => text.replaceAll(`file://${process.cwd()}/`, '').replaceAll(`${process.cwd()}/`, '')

function textOf({ name, place, text }: Failure): string {
  const below = [...(place === '' ? [] : [short(place)]), '', ...short(text).split('\n')]
  return [name, ...below.map((line) => `  ${line}`.trimEnd())].join('\n')
}

function skipsOf(skipped: Outcome['skipped']): string {
  const byReason = Map.groupBy(skipped, ({ reason }) => reason)
  return [...byReason].map(([reason, tests]) => [`  ${reason}`, ...tests.map(({ name }) => dim(`    ${name}`))].join('\n')).join('\n')
}
