/**
 * Stands in for `node:test` while code is mutated: it keeps the tests instead of running them, so that those of a mutant
 * run again and again in one process. A process a mutant takes four times as long.
 *
 * Only what the tests of the mutated rooms use is here; a test that asks for more fails in the dry run, and is named.
 *
 * @module
 */
import { mock } from 'node:test'

export { mock }

type Hook = () => unknown
type Body = (context: Context) => unknown
/** What a test is given. */
interface Context {
  readonly mock: typeof mock
  readonly signal: AbortSignal
  after(hook: Hook): void
  diagnostic(text: string): void
}
interface Options {
  readonly skip?: boolean | string
}

export interface KeptTest {
  readonly id: string
  readonly name: string
  readonly body: Body
  readonly isSkipped: boolean
}

export const kept: { readonly tests: KeptTest[]; readonly before: Hook[]; readonly after: Hook[]; readonly beforeEach: Hook[]; readonly afterEach: Hook[] } =
  { tests: [], before: [], after: [], beforeEach: [], afterEach: [] }
/** Of the test that runs, to be called when it ends; null between tests. */
let ends: Hook[] | null = null

const context: Context = { mock, signal: new AbortController().signal, after: (hook) => after(hook), diagnostic() {} }

export function test(name: string, ...rest: readonly [Body] | readonly [Options, Body]): void {
  const [options, body] = rest.length === 1 ? [{}, rest[0]] : rest
  kept.tests.push({ id: `${kept.tests.length} ${name}`, name, body, isSkipped: Boolean((options as Options).skip) })
}
export const before = (hook: Hook): void => void kept.before.push(hook)
export const after = (hook: Hook): void => void (ends ?? kept.after).push(hook)
export const beforeEach = (hook: Hook): void => void kept.beforeEach.push(hook)
export const afterEach = (hook: Hook): void => void kept.afterEach.push(hook)

/** @returns why the test failed, or null */
export async function runKept({ body }: KeptTest): Promise<string | null> {
  const own: Hook[] = (ends = [])
  const stray = Promise.withResolvers<never>()
  const onStray = (error: unknown): void => stray.reject(error)
  process.on('uncaughtException', onStray).on('unhandledRejection', onStray)
  let failure: string | null = null
  try {
    for (const hook of kept.beforeEach) await hook()
    await Promise.race([body(context), stray.promise])
  } catch (error) {
    failure = messageOf(error)
  }
  stray.promise.catch(() => {})
  mock.restoreAll()
  ends = null
  for (const hook of [...own.reverse(), ...kept.afterEach]) {
    try {
      await hook()
    } catch (error) {
      failure ??= messageOf(error)
    }
  }
  process.off('uncaughtException', onStray).off('unhandledRejection', onStray)
  return failure
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 500)
