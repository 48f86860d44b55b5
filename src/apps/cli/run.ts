/**
 * One run: from the arguments to the exit code.
 *
 * @module
 */
import { CommanderError } from 'commander'
import { brokenPipe, exitCodes } from './exit.ts'
import type { Field } from './operations/fields.ts'
import { loadCatalogue } from './operations/catalogue.ts'
import type { Environment, Places } from './places.ts'
import { createProgram, usageOf } from './program.ts'
import type { Program } from './command-program.ts'
import { tellFailure } from './render/failure.ts'
import { refuseSecretsIn } from './secret-input.ts'
import type { Session } from './session.ts'
import { lastWords, openTerminal } from './terminal.ts'

export async function run(args: readonly string[], environment: Environment, places: Places): Promise<void> {
  const terminal = openTerminal({ environment, noColor: args.includes('--no-color') })
  const controller = new AbortController()
  let fields: readonly Field[] = []
  let origin: string | null = null
  let profile: string | null = null
  let writing: string | null = null
  // Whoever read our output has seen enough.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? brokenPipe : exitCodes.failed.code))
  process.on('SIGINT', () => interrupted(controller, writing))
  const session: Session = {
    terminal, environment, places,
    signal: controller.signal,
    nowMs: Date.now,
    connectedTo(url, name) {
      origin = url.origin
      profile = name
    },
    writing: (key) => void (writing = key),
  }
  try {
    refuseSecretsIn(args)
    const program: Program = {
      session,
      catalogue: await loadCatalogue(places.cache),
      failing: (own) => void (fields = own),
      exitWith: (code) => void (process.exitCode = code),
    }
    await createProgram(program).parseAsync(args, { from: 'user' })
  } catch (error) {
    const failure = error instanceof CommanderError ? usageOf(error) : error
    if (failure !== null) process.exitCode = tellFailure(terminal.err, failure, { fields, origin, profile })
  }
}

/** A write that was sent may have been done: whoever interrupts it learns how to find out. */
function interrupted(controller: AbortController, writing: string | null): never {
  controller.abort()
  lastWords(writing === null ? '\ninterrupted' : `\ninterrupted; it may have been done. Repeat it without a second effect: --idempotency-key ${writing}`)
  process.exit(exitCodes.interrupted.code)
}
