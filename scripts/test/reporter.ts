/**
 * A reporter for `node --test` that a program reads: one JSON object a line, of the shape `Line`.
 *
 * @module
 */
import { resolve } from 'node:path'
import { inspect } from 'node:util'
import type { TestEvent } from 'node:test/reporters'

export type Line =
  | { readonly kind: 'start'; readonly name: string }
  | { readonly kind: 'pass'; readonly name: string }
  | { readonly kind: 'skip'; readonly name: string; readonly reason: string }
  | { readonly kind: 'fail'; readonly name: string; readonly place: string; readonly error: string }
  /** What node:test has to say beside: of errors after a test's end. */
  | { readonly kind: 'warning'; readonly text: string }
  /** A file in which there is no test. */
  | { readonly kind: 'empty'; readonly name: string }
  /** The last line of a process that ended as it should. */
  | { readonly kind: 'end' }

/** What node:test counts itself, at the end. */
const count = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/

/** What a suite or a test with parts says when a part failed: that was told already. */
const echoes = new Set(['subtestsFailed'])

export default async function* reporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  /** Names from the outermost suite to the test that was started last. */
  let names: string[] = []
  const line = (value: Line): string => `${JSON.stringify(value)}\n`
  for await (const { type, data } of source) {
    if (type === 'test:dequeue') yield line({ kind: 'start', name: data.name })
    else if (type === 'test:start') names = [...names.slice(0, data.nesting), data.name]
    else if (type === 'test:pass' || type === 'test:fail') {
      const name = [...names.slice(0, data.nesting), data.name].join(' › ')
      const { skip, todo } = data
      if (skip !== undefined || todo !== undefined) yield line({ kind: 'skip', name, reason: reasonOf(skip, todo) })
      // A file without tests is told of as if it were one that passed.
      else if (type === 'test:pass' && resolve(data.name) === data.file) yield line({ kind: 'empty', name: data.name })
      else if (type === 'test:pass') yield* data.details.type === 'suite' ? [] : [line({ kind: 'pass', name })]
      else if (!echoes.has(failureType(data.details.error))) {
        yield line({ kind: 'fail', name, place: `${data.file ?? ''}:${data.line ?? 0}`, error: describe(data.details.error) })
      }
    } else if (type === 'test:diagnostic' && !count.test(data.message)) {
      yield line({ kind: 'warning', text: data.message })
    } else if (type === 'test:summary' && data.file === undefined) {
      yield line({ kind: 'end' })
    }
  }
}

function reasonOf(skip: string | boolean | undefined, todo: string | boolean | undefined): string {
  if (typeof skip === 'string' && skip !== '') return skip
  return skip === undefined ? `to do: ${String(todo)}` : 'no reason given'
}

const failureType = (error: Error): string => ('failureType' in error ? String(error.failureType) : '')

/** node:test wraps what was thrown. */
function describe(error: Error): string {
  const thrown = error.cause instanceof Error ? error.cause : error
  // The message of a failed assertion has its values already.
  const text = 'code' in thrown && thrown.code === 'ERR_ASSERTION' ? (thrown.stack ?? thrown.message) : inspect(thrown, { depth: 6 })
  return text.split('\n').filter((row) => !/^\s+at .*\(?node:(?:internal|async_hooks)/.test(row)).join('\n')
}
