/**
 * A test runner for Stryker that runs tests written for `node:test` in its own process.
 *
 * Stryker starts such a process for each of its workers, ends one that takes too long or dies, and starts another for
 * every mutant that is met while modules load. Properties do not shrink what they find: that a mutant is noticed is enough.
 *
 * @module
 */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { InstrumenterContext, MutantCoverage, StrykerOptions } from '@stryker-mutator/api/core'
import { commonTokens, declareClassPlugin, PluginKind, tokens } from '@stryker-mutator/api/plugin'
import {
  determineHitLimitReached, DryRunStatus, MutantRunStatus, TestStatus, toMutantRunResult,
  type DryRunOptions, type DryRunResult, type MutantRunOptions, type MutantRunResult, type TestResult, type TestRunner, type TestRunnerCapabilities,
} from '@stryker-mutator/api/test-runner'
import fc from 'fast-check'
import { kept, runKept, type KeptTest } from './node-test.ts'

interface Options extends StrykerOptions {
  readonly nodeTest: {
    readonly testFiles: readonly string[]
    /** Names of tests that hold only where their room has a process of its own. */
    readonly leftOut: readonly string[]
  }
}

/** What instrumented code looks at. */
const instrumented: { -readonly [Name in keyof InstrumenterContext]?: InstrumenterContext[Name] | undefined } =
  ((globalThis as { __stryker__?: InstrumenterContext }).__stryker__ ??= {})
/** Written by the process of the dry run, in the folder that all work in: each test's duration in ms by its id. */
const durationsFile = '.test-durations.json'
const standIn = pathToFileURL(join(import.meta.dirname, 'node-test.ts')).href

class NodeTestRunner implements TestRunner {
  static readonly inject = tokens(commonTokens.options)
  readonly #options: Options['nodeTest']
  #isLoaded = false
  /** The quickest are asked first. */
  #durations: Readonly<Record<string, number>> = {}

  constructor(options: StrykerOptions) {
    this.#options = (options as Options).nodeTest
  }

  capabilities(): TestRunnerCapabilities {
    return { reloadEnvironment: false }
  }

  async dryRun(options: DryRunOptions): Promise<DryRunResult> {
    await this.#load()
    const result = await this.#run(kept.tests, { ...options, disableBail: true })
    if (result.status !== DryRunStatus.Complete) return result
    this.#durations = Object.fromEntries(result.tests.map(({ id, timeSpentMs }) => [id, timeSpentMs]))
    writeFileSync(durationsFile, JSON.stringify(this.#durations))
    return { ...result, mutantCoverage: coverageOf(instrumented.mutantCoverage ?? { static: {}, perTest: {} }) }
  }

  async mutantRun(options: MutantRunOptions): Promise<MutantRunResult> {
    instrumented.hitLimit = options.hitLimit
    instrumented.hitCount = options.hitLimit === undefined ? undefined : 0
    if (options.mutantActivation === 'static') instrumented.activeMutant = options.activeMutant.id
    try {
      await this.#load()
    } catch (error) {
      // It is noticed by whoever starts the program.
      return { status: MutantRunStatus.Killed, failureMessage: String(error), killedBy: [], nrOfTests: 0 }
    }
    instrumented.activeMutant = options.activeMutant.id
    const asked = options.testFilter === undefined ? kept.tests : kept.tests.filter(({ id }) => options.testFilter?.includes(id))
    const result = await this.#run([...asked].sort((one, other) => this.#durationOf(one) - this.#durationOf(other)), options)
    instrumented.activeMutant = undefined
    return toMutantRunResult(result)
  }

  async dispose(): Promise<void> {
    for (const hook of kept.after) await hook()
  }

  #durationOf = ({ id }: KeptTest): number => this.#durations[id] ?? 0

  async #load(): Promise<void> {
    if (this.#isLoaded) return
    this.#isLoaded = true
    fc.configureGlobal({ endOnFailure: true })
    registerHooks({
      resolve: (specifier, context, next) =>
        specifier === 'node:test' && context.parentURL !== standIn ? { url: standIn, shortCircuit: true } : next(specifier, context),
    })
    const files = globSync([...this.#options.testFiles], { exclude: (name) => name.endsWith('.slow.test.ts') }).sort()
    for (const file of files) await import(pathToFileURL(file).href)
    for (const hook of kept.before) await hook()
    if (existsSync(durationsFile)) this.#durations = JSON.parse(readFileSync(durationsFile, 'utf8')) as Record<string, number>
  }

  async #run(asked: readonly KeptTest[], { disableBail }: Pick<DryRunOptions, 'disableBail'>): Promise<DryRunResult> {
    const tests: TestResult[] = []
    for (const test of asked) {
      const { id, name } = test
      if (test.isSkipped || this.#options.leftOut.includes(name)) {
        tests.push({ id, name, timeSpentMs: 0, status: TestStatus.Skipped })
        continue
      }
      instrumented.currentTestId = id
      const startedMs = performance.now()
      const failureMessage = await runKept(test)
      const timeSpentMs = performance.now() - startedMs
      const hitLimitReached = determineHitLimitReached(instrumented.hitCount, instrumented.hitLimit)
      if (hitLimitReached !== undefined) return hitLimitReached
      tests.push({ id, name, timeSpentMs, ...(failureMessage === null ? { status: TestStatus.Success } : { status: TestStatus.Failed, failureMessage }) })
      if (failureMessage !== null && !disableBail) break
    }
    instrumented.currentTestId = undefined
    return { status: DryRunStatus.Complete, tests }
  }
}

/** What tests meet is asked of them, also when it is met while modules load: that would take a new process each time. */
function coverageOf({ static: loading, perTest }: MutantCoverage): MutantCoverage {
  const met = new Set(Object.values(perTest).flatMap((hits) => Object.keys(hits)))
  return { static: Object.fromEntries(Object.entries(loading).filter(([id]) => !met.has(id))), perTest }
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'node-test', NodeTestRunner)]
